"""Who trains: one process, or several that share each batch and stay the same to the bit.

All compute the same but for the images of a step; only the chief, number 0, reads and writes the
run's folder, and tells the others what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sqz_hw.errors import SqzError, ToolError
from sqz_hw.report.sections import ALEXNET
from sqz_hw.training.cluster import ALONE, Cluster

FLOAT_BYTES = 4

GONE = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)
"""What TensorFlow raises where another process has stopped."""


@dataclass(frozen=True)
class Workers:
    """The processes of a run.

    Attributes:
        strategy: the distribution strategy.
        cluster: who they are.
    """

    strategy: Any
    cluster: Cluster = ALONE

    @property
    def count(self) -> int:
        """How many there are."""
        return self.cluster.count

    @property
    def index(self) -> int:
        """This one's number."""
        return self.cluster.index

    @property
    def chief(self) -> bool:
        """Whether this one writes the files."""
        return self.cluster.chief

    def total(self, value: Any) -> Any:
        """The sum over the workers of what a replica computed."""
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)

    def from_chief(self, data: bytes | None) -> bytes | None:
        """The chief's bytes, whatever the others give."""
        if self.count == 1:
            return data
        size = 0 if data is None else len(data) + 1
        length = int(self._summed(np.array([size if self.chief else 0], np.int64))[0])
        if length == 0:
            return None
        padded = np.zeros(-(-length // 4) * 4, np.uint8)
        if self.chief and data is not None:
            padded[: len(data)] = np.frombuffer(data, np.uint8)
        return self._summed(padded.view(np.int32)).tobytes()[: length - 1]

    def read(self, path: Path) -> bytes | None:
        """A file's bytes as the chief has it, or None if it has none.

        Raises:
            OSError: it cannot be read.
        """
        data = path.read_bytes() if self.chief and path.exists() else None
        return self.from_chief(data)

    def agree(self, what: str, mine: bytes) -> None:
        """Refuse to go on unless all have the same.

        Raises:
            ToolError: one has not; the message names what.
        """
        same = self.from_chief(mine) == mine
        differ = self.count - int(self._summed(np.array([same], np.int64))[0]) if self.count > 1 else 0
        if differ:
            raise ToolError(
                f"all {self.count} workers must have the same {what}, and {differ} differ from the chief; "
                "give all of them the same options and files"
            )

    def _summed(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        summed = tf.function(lambda v: self.total(self.strategy.run(tf.identity, (v,))), autograph=False)
        result: npt.NDArray[Any] = summed(tf.constant(values)).numpy()
        return result


def alone() -> Workers:
    """One process on its own."""
    return Workers(tf.distribute.get_strategy())


def joined(cluster: Cluster) -> Workers:
    """This process with the others of a cluster; waits for them.

    Raises:
        ToolError: its address cannot be used.
    """
    if cluster.count == 1:
        return alone()
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=tf.distribute.experimental.CommunicationImplementation.RING
    )
    tf.get_logger().setLevel("ERROR")  # it warns of each variable that is read between epochs
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    except (tf.errors.OpError, RuntimeError) as error:
        raise lost(cluster, error) from error
    return Workers(strategy, cluster)


def lost(cluster: Cluster, error: Exception) -> SqzError:
    """What to say where the processes cannot go on together."""
    reason = str(error).strip().partition("\n")[0]
    return ToolError(
        f"worker {cluster.index} of {cluster.count} at {cluster.addresses[cluster.index]} cannot go on with "
        f"the others ({reason:.200}); see that all run and can be reached, and start all again with --resume"
    )


def exchanged(trainable: Iterable[int], batch_norm_channels: int, count: int) -> dict[str, Any]:
    """Bytes that training exchanges in each step.

    Gradients of all trainable variables are summed over the workers, and for each channel of a
    synchronised batch norm (as Keras computes it) sum, sum of squares and count on the way forward and
    the gradients of the first two on the way back. A ring all-reduce sends and receives 2 (n - 1) / n of
    a tensor's bytes at each of n workers (Patarasuk and Yuan 2009, section 3).

    Args:
        trainable: elements of each trainable variable.
        batch_norm_channels: channels of all batch norms.
        count: workers.
    """
    gradients = FLOAT_BYTES * sum(trainable)
    statistics = (3 + 2) * FLOAT_BYTES * batch_norm_channels
    return {
        "gradient_bytes": gradients,
        "batch_norm_bytes": statistics,
        "ring_bytes_sent_by_each_worker": round(2 * (count - 1) / count * (gradients + statistics)),
        "alexnet_gradient_bytes": ALEXNET.bytes,
    }
