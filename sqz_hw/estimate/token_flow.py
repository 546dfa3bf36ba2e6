"""How words flow through a layer: which input word each output word waits for.

A word is one pixel, all its channels side by side. The rules are those of hls4ml 1.3.0's
io_stream kernels (``nnet_conv2d_stream.h``, ``nnet_padding_stream.h``, ``nnet_merge_stream.h``,
``nnet_stream.h``, ``nnet_activation_stream.h``) and of this project's pooling kernels. They
all read a map row by row, one word an iteration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from sqz_hw.design import DesignLayer, Op
from sqz_hw.errors import BadInputError

Words = npt.NDArray[np.int64]

JOINS = (Op.CONCAT, Op.ADD)
_WORD_FOR_WORD = (Op.RELU, Op.CLONE, Op.CONCAT, Op.ADD, Op.ARGMAX)

HELD_WORDS: Mapping[Op, int] = MappingProxyType(
    {
        Op.CONV: 1,
        Op.RELU: 4,
        Op.ZERO_PAD: 4,
        Op.MAX_POOL: 8,
        Op.CONCAT: 4,
        Op.ADD: 4,
        Op.CLONE: 4,
        Op.GLOBAL_SUM: 4,
        Op.ARGMAX: 1,
    }
)
"""Words that a layer may have read beyond those its last written output needs.

A stalling pipeline ("stp", UG1399 and UG1448) stops as a whole when its input is empty, and
keeps what is inside: depth - 1 words at one word a cycle. Public reports show depths of 3 to 5
(ReLU: 1028 cycles for 1024 words). Resource convolutions are not pipelined over pixels: they
hold the one word they work on. Taken high on purpose; an upper bound, never an expectation.
"""


def words_needed(layer: DesignLayer) -> Words:
    """For each output word, in order, how many input words the layer reads before it writes it.

    Args:
        layer: any layer of a design; for a join, of each of its inputs.

    Returns:
        int64, one entry an output word, never falling; 0 where a word needs no input (padding).

    Raises:
        BadInputError: the layer's kernel does not turn ``in_shape`` into ``out_shape``.
    """
    in_height, in_width, _ = layer.in_shape
    words = in_height * in_width
    if layer.op in (Op.CONV, Op.MAX_POOL):
        made, needed = _window(layer)
    elif layer.op is Op.ZERO_PAD:
        made, needed = _zero_pad(layer)
    elif layer.op is Op.GLOBAL_SUM:
        made, needed = (1, 1), np.array([words], np.int64)
    elif layer.op in _WORD_FOR_WORD:
        made, needed = (in_height, in_width), np.arange(1, words + 1, dtype=np.int64)
    else:
        raise BadInputError(
            f"{layer.name}: no token rule is known for {layer.op.value}; add one to token_flow.py"
        )
    if made != layer.out_shape[:2]:
        raise BadInputError(
            f"{layer.name}: a {layer.op.value} of a {in_height}x{in_width} map must give "
            f"{made[0]}x{made[1]}, not {layer.out_shape[0]}x{layer.out_shape[1]}; build the design again"
        )
    return needed


@dataclass(frozen=True, eq=False)
class Operations:
    """What a layer does with one image, one operation after the other.

    Attributes:
        read: for each operation, the number of the input word that it reads (of each input), or -1.
        write: for each, the number of the output word that it writes (to each output), or -1.
    """

    read: Words
    write: Words


def operations(layer: DesignLayer, held: int = 0) -> Operations:
    """The order in which a layer reads and writes: a word is written with the read that it waits for.

    Args:
        layer: any layer of a design.
        held: words of the input that have to follow before a word is written, unless the image
            ends first: a stalling pipeline (see :data:`HELD_WORDS`) with that many words inside.

    Raises:
        BadInputError: as :func:`words_needed`.
    """
    inputs = layer.in_shape[0] * layer.in_shape[1]
    after = np.minimum(words_needed(layer) + held, inputs)
    first = np.concatenate([[True], after[1:] != after[:-1]]) & (after > 0)
    numbers = np.arange(len(after), dtype=np.int64)
    alone = numbers[~first]
    read = np.concatenate([np.arange(inputs, dtype=np.int64), np.full(len(alone), -1, np.int64)])
    write = np.concatenate([np.full(inputs, -1, np.int64), alone])
    write[after[first] - 1] = numbers[first]
    order = np.argsort(np.concatenate([2 * np.arange(1, inputs + 1), 2 * after[alone] + 1]), kind="stable")
    return Operations(read[order], write[order])


def _window(layer: DesignLayer) -> tuple[tuple[int, int], Words]:
    """A word leaves with the last pixel of its window (``compute_output_buffer_2d``)."""
    height, width, _ = layer.in_shape
    kernel, stride = layer.kernel, layer.stride
    if kernel < 1 or stride < 1 or kernel > min(height, width):
        raise BadInputError(
            f"{layer.name}: a window must have a side from 1 to {min(height, width)} "
            f"and a stride of at least 1, not {kernel} and {stride}; build the design again"
        )
    rows = np.arange(kernel - 1, height, stride, dtype=np.int64)
    columns = np.arange(kernel - 1, width, stride, dtype=np.int64)
    return (len(rows), len(columns)), (rows[:, None] * width + columns[None, :] + 1).ravel()


def _zero_pad(layer: DesignLayer) -> tuple[tuple[int, int], Words]:
    """Rows above are written before anything is read (``zeropad2d_cl``)."""
    height, width, _ = layer.in_shape
    top, bottom, left, right = layer.padding
    row = np.clip(np.arange(width + left + right, dtype=np.int64) - left + 1, 0, width)
    main = np.arange(height, dtype=np.int64)[:, None] * width + row[None, :]
    above = np.zeros((top, len(row)), np.int64)
    below = np.full((bottom, len(row)), height * width, np.int64)
    return (height + top + bottom, len(row)), np.concatenate([above, main, below]).ravel()
