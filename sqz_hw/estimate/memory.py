"""The memory map: bits of weights, line buffers and FIFOs, and the block RAM that they take.

Blocks predict Vivado's synthesis, by construction, from the shape of each memory. What is
known about where memories go (stock hls4ml 1.3.0 kernels, Vitis and Vivado HLS):

* Weights of a Resource convolution are one ROM of RF words, ceil(n_in * n_out / RF) weights
  wide (ARRAY_RESHAPE in ``nnet_dense_resource.h``). Public csynth reports agree with
  ceil(width / 36) blocks for RF up to 512. Vivado then puts shallow ones into LUTs
  (reports hold only totals: at RF 16 nearly all blocks were gone, at RF 144 most had stayed).
  With RF = 1 the weights are constants, no memory.
* Line buffers are ``ap_shift_reg``, so shift registers in LUTs; only the high bound counts
  blocks. The 3x3 stride 2 pool keeps one row of maxima in a RAM of its own.
* A FIFO is where its pragma puts it (``Stream.storage``). Left to the tool, FIFOs of up to 2
  words or fewer than 1024 bits (depth rounded up to a power of two) are shift registers; others
  are block RAM at 18 bits a block and 1024 words (all public csynth reports but one, 256 bits x
  128 words, which took 8 blocks instead of 15).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op, Stream
from sqz_hw.estimate.ranges import Range

BRAM18_BITS = 18 * 1024
ROM_GEOMETRIES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
"""(words, bits) of one BRAM18 (UG473, UG573)."""
FIFO_GEOMETRIES = ROM_GEOMETRIES[1:]
SHALLOW_ROM_WORDS = 64
"""A ROM of no more words is expected in LUTs: one LUT6 holds 64 x 1 bits."""
SHALLOW_FIFO_WORDS = 2
SMALL_MEMORY_BITS = 1024
"""A FIFO below this is a shift register (``config_storage fifo``, auto_srl_max_bits)."""


class MemoryKind(str, Enum):
    """What a memory is for."""

    WEIGHTS = "weights"
    LINE_BUFFER = "line_buffer"
    FIFO = "fifo"


@dataclass(frozen=True)
class Memory:
    """One memory of the design.

    Attributes:
        name: layer or stream that it belongs to.
        kind: what it is for.
        bits: what it must hold.
        word_bits, words: its shape as the kernel asks for it.
        certain_bits: bits that no expected tool moves out of block RAM.
        bram18: blocks, low from perfect packing, high with a block of its own wherever it may have one.
    """

    name: str
    kind: MemoryKind
    bits: int
    word_bits: int
    words: int
    certain_bits: int
    bram18: Range


@dataclass(frozen=True)
class MemoryMap:
    """All memories of a design, layers first, then streams.

    The biases count as weights bits, though they are constants in LUTs. Streams at the
    design's edge are ports, not memories.
    """

    memories: tuple[Memory, ...]

    @property
    def weights_bits(self) -> int:
        """Bits of weights and biases, zeros included."""
        return self._bits(MemoryKind.WEIGHTS)

    @property
    def line_buffer_bits(self) -> int:
        """Bits of rows kept by convolutions and pools."""
        return self._bits(MemoryKind.LINE_BUFFER)

    @property
    def fifo_bits(self) -> int:
        """Bits of all FIFOs, depth times width."""
        return self._bits(MemoryKind.FIFO)

    @property
    def total_bits(self) -> int:
        """Bits of everything."""
        return sum(memory.bits for memory in self.memories)

    @property
    def bram18(self) -> Range:
        """Blocks of 18 kbit; low packs the bits that must be in block RAM without waste."""
        low = blocks_packed(sum(memory.certain_bits for memory in self.memories))
        expected = sum(memory.bram18.expected for memory in self.memories)
        return Range(low, expected, sum(memory.bram18.high for memory in self.memories))

    def _bits(self, kind: MemoryKind) -> int:
        return sum(memory.bits for memory in self.memories if memory.kind is kind)


def blocks(word_bits: int, words: int, geometries: tuple[tuple[int, int], ...] = ROM_GEOMETRIES) -> int:
    """BRAM18 of a memory, all blocks in the cheapest of the geometries.

    Args:
        word_bits: width.
        words: depth.
        geometries: (words, bits) that one block can have.
    """
    return min(-(-word_bits // wide) * -(-words // deep) for deep, wide in geometries)


def blocks_packed(bits: int) -> int:
    """BRAM18 that hold so many bits if none is wasted."""
    return -(-bits // BRAM18_BITS)


def memory_map(design: Design) -> MemoryMap:
    """The memories of a design with the reuse factors and FIFO depths that it has."""
    memories: list[Memory] = []
    for layer in design.layers:
        if layer.conv is not None:
            memories.append(_weights(layer, layer.conv))
        if layer.kernel > 1:
            memories.append(_line_buffer(layer, design.stream(layer.inputs[0])))
    memories.extend(_fifo(s) for s in design.streams if s.source is not None and s.sink is not None)
    return MemoryMap(tuple(memories))


def _weights(layer: DesignLayer, conv: ConvParameters) -> Memory:
    count = conv.n_in * conv.n_out
    bits = count * conv.weight_type.width + conv.n_out * conv.bias_type.width
    word_bits, words = conv.multipliers * conv.weight_type.width, conv.reuse_factor
    deep = words > SHALLOW_ROM_WORDS and word_bits * words > SMALL_MEMORY_BITS
    certain = count * conv.weight_type.width if deep else 0
    high = blocks(word_bits, words) if words > 1 else 0
    bram18 = Range(blocks_packed(certain), high if deep else 0, high)
    return Memory(layer.name, MemoryKind.WEIGHTS, bits, word_bits, words, certain, bram18)


def _line_buffer(layer: DesignLayer, source: Stream) -> Memory:
    width = source.shape[1]
    if layer.op is Op.MAX_POOL and layer.kernel > layer.stride:
        rows, words = 1, layer.out_shape[1]
        block_ram = source.width_bits * words > SMALL_MEMORY_BITS
    else:
        rows, words, block_ram = layer.kernel - 1, width, False
    high = rows * blocks(source.width_bits, words)
    bits = rows * words * source.width_bits
    bram18 = Range(0, high if block_ram else 0, high)
    return Memory(layer.name, MemoryKind.LINE_BUFFER, bits, rows * source.width_bits, words, 0, bram18)


def fifo_blocks(stream: Stream) -> int:
    """BRAM18 of a FIFO that is in block RAM, its depth rounded up to a power of two; 0 where it cannot be."""
    if stream.storage == "srl" or (stream.storage == "auto" and stream.depth <= SHALLOW_FIFO_WORDS):
        return 0
    return blocks(stream.width_bits, 1 << (stream.depth - 1).bit_length(), FIFO_GEOMETRIES)


def _fifo(stream: Stream) -> Memory:
    high = fifo_blocks(stream)
    words = 1 << (stream.depth - 1).bit_length()
    small = words * stream.width_bits < SMALL_MEMORY_BITS
    block_ram = high > 0 and (stream.storage == "bram" or not small)
    certain = stream.bits if block_ram else 0
    bram18 = Range(blocks_packed(certain), high if block_ram else 0, high)
    return Memory(stream.name, MemoryKind.FIFO, stream.bits, stream.width_bits, stream.depth, certain, bram18)
