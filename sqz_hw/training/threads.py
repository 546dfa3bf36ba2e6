"""How many threads TensorFlow computes with: results depend on it in the last bits."""

from __future__ import annotations

import os

import tensorflow as tf

from sqz_hw.errors import BadInputError


def fix_threads(wanted: int) -> int:
    """Make TensorFlow use so many threads, and say how many those are.

    Args:
        wanted: threads; 0 is one for each core.

    Raises:
        BadInputError: TensorFlow has already started with another number.
    """
    cores = len(os.sched_getaffinity(0))
    threads = wanted or cores
    config = tf.config.threading
    try:
        config.set_intra_op_parallelism_threads(threads)
        config.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        running = config.get_intra_op_parallelism_threads() or cores
        if running != threads:
            raise BadInputError(
                f"--threads must be {running}, which TensorFlow has started with in this process, not "
                f"{threads}; start another process"
            ) from error
    return threads
