"""The golden model: executes a design in integers, independent of TensorFlow, QKeras and hls4ml.

It reads nothing but the ``Design`` and computes what the C++ kernels compute: fixed-point
casts with their rounding and saturation modes, wrap-around, padding, pooling, concatenation,
addition and the global sum. Convolutions go through BLAS where ``exactness`` proves that
this rounds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design, Op, Stream
from sqz_hw.errors import BadInputError
from sqz_hw.verify.csim import Trace
from sqz_hw.verify.exactness import Proof, proofs
from sqz_hw.verify.float_requantise import Array, carrier
from sqz_hw.verify.golden_program import Program, allocate, program
from sqz_hw.verify.golden_shapes import check_design
from sqz_hw.verify.parallel import each_part

Images = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int32]
CODE_BITS = 32
BATCH_ELEMENTS = 1 << 23
"""Values of the largest tensors computed at once: a few tens of MB, within reach of the caches."""


class GoldenModel:
    """A design, ready to be run on images.

    Args:
        design: the hardware.

    Attributes:
        design: the same.
        proofs: how each convolution is computed and why that is exact.

    Raises:
        BadInputError: something in the design cannot be computed exactly in 63 bits.
    """

    def __init__(self, design: Design) -> None:
        check_design(design)
        self.design = design
        self.proofs: tuple[Proof, ...] = proofs(design)
        self._programs: dict[frozenset[str], Program] = {}

    def run(self, images: Images, *, keep: Collection[str] | None = None) -> dict[str, Codes]:
        """All values of some streams.

        The result holds all images; for many, ``traces`` bounds the memory.

        Args:
            images: uint8, N x H x W x 3.
            keep: names of streams; None for all.

        Returns:
            int32 codes by stream name, N x H x W x C.

        Raises:
            BadInputError: images of another shape or type, an unknown stream, or one whose
                codes have more than 32 bits.
        """
        streams = {s.name: s for s in self._streams(keep)}
        self._check_images(images)
        kept = {name: np.empty((len(images), *s.shape), np.int32) for name, s in streams.items()}

        def store(part: slice) -> None:
            for name, codes in self._values(images[part], steps):
                kept[name][part] = _int32(codes, streams[name])

        steps = self._program(frozenset(kept))
        each_part(len(images), _batch(sum(math.prod(s.shape) for s in self.design.streams)), store)
        return kept

    def traces(
        self, images: Images, batch: int | None = None, *, keep: Collection[str] | None = None
    ) -> Iterator[Trace]:
        """Each image's codes in order, as ``sqz_hw.verify.csim.simulate`` yields them.

        Args:
            images: uint8, N x H x W x 3.
            batch: images computed at once, which bounds the memory; by default as many as have
                some eight million values, at least one.
            keep: names of streams; None for all.

        Raises:
            BadInputError: as ``run``; a batch below 1.
        """
        streams = self._streams(keep)
        if batch is None:
            batch = _batch(sum(math.prod(s.shape) for s in streams))
        if batch < 1:
            raise BadInputError(f"a batch must have at least 1 image, not {batch}")
        for start in range(0, len(images), batch):
            codes = self.run(images[start : start + batch], keep=keep)
            for i in range(len(images[start : start + batch])):
                yield Trace(start + i, {name: values[i] for name, values in codes.items()})

    def scores(self, images: Images) -> npt.NDArray[np.float64]:
        """The classes' scores as real values, nothing else kept: the fastest way to an accuracy.

        Args:
            images: uint8, N x H x W x 3.

        Returns:
            N x classes: the global sum (the mean where height x width is a power of two), or
            the design's output if it has none; also of a design that ends in an arg max.

        Raises:
            BadInputError: images of another shape or type.
        """
        self._check_images(images)
        sums = [layer for layer in self.design.layers if layer.op is Op.GLOBAL_SUM]
        stream = self.design.stream(sums[-1].outputs[0]) if sums else self.design.output
        result = np.empty((len(images), math.prod(stream.shape)), np.float64)

        def store(part: slice) -> None:
            for _, codes in self._values(images[part], steps):
                result[part] = codes.reshape(len(codes), -1) * stream.type.lsb

        steps = self._program(frozenset([stream.name]))
        each_part(len(images), _batch(4 * max(math.prod(s.shape) for s in self.design.streams)), store)
        return result

    def _program(self, wanted: frozenset[str]) -> Program:
        if wanted not in self._programs:
            self._programs[wanted] = program(self.design, wanted)
        return self._programs[wanted]

    def _values(self, images: Images, steps: Program) -> Iterator[tuple[str, Array]]:
        """Run one batch; yields each wanted stream once it is there; no tensor is held past its last use."""
        source = self.design.input
        held: dict[str, Array] = {source.name: _pixels(images, source)}
        if source.name in steps.wanted:
            yield source.name, held[source.name]
        for step in steps.steps:
            out = None
            if step.place is not None:
                name = step.place.stream.name
                if name not in held:
                    held[name] = allocate(step.place, len(images))
                out = held[name][..., step.place.first : step.place.last]
            result = step.run([held[name] for name in step.inputs], out)
            for name in step.inputs:
                del held[name]
            for name in step.outputs:
                if step.place is None:
                    held[name] = result
                if name in steps.wanted:
                    yield name, held[name]

    def _streams(self, keep: Collection[str] | None) -> list[Stream]:
        streams = self.design.streams
        if keep is None:
            chosen = list(streams)
        else:
            unknown = sorted(set(keep) - {s.name for s in streams})
            if unknown:
                raise BadInputError(
                    f"streams to keep must be of design {self.design.name}, not {', '.join(unknown)}; "
                    "give names of its streams"
                )
            chosen = [s for s in streams if s.name in keep]
        wide = next((s for s in chosen if s.type.width > CODE_BITS), None)
        if wide is not None:
            raise BadInputError(
                f"codes to keep must have at most {CODE_BITS} bits, and stream {wide.name} has {wide.type}; "
                "keep others"
            )
        return chosen

    def _check_images(self, images: npt.NDArray[Any]) -> None:
        if images.dtype != np.uint8 or images.shape[1:] != self.design.input.shape:
            height, width, channels = self.design.input.shape
            raise BadInputError(
                f"images must be uint8, N x {height} x {width} x {channels}, "
                f"not {images.dtype}, {' x '.join(map(str, images.shape))}; resize them"
            )


def _batch(elements: int) -> int:
    """Images computed at once, of which each has so many values to hold."""
    return max(1, BATCH_ELEMENTS // elements)


def _pixels(images: Images, source: Stream) -> Array:
    """Pixels as codes: the byte's bits are the code's."""
    codes = images.view(np.int8) if source.type.signed else images
    return codes.astype(carrier(source.type))


def _int32(codes: Array, stream: Stream) -> Array:
    """Codes as C-simulation records them: the bits of an int32."""
    if stream.type.max_code < 1 << (CODE_BITS - 1):
        return codes
    return codes.astype(np.int64).astype(np.int32)
