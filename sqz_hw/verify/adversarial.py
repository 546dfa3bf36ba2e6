"""Images made to break hardware: patterns, extremes, and a search for the largest sums.

Photographs leave most of an accumulator's range unused; an accumulator that is one bit too
short then goes unnoticed. The first convolution's extremes are constructed from the signs of
its weights; those of the deeper layers are searched for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op

Images = npt.NDArray[np.uint8]
Run = Callable[[Images], Mapping[str, npt.NDArray[np.int32]]]
"""Integer codes by stream name, N x H x W x C, of a batch of images (the golden model's ``run``)."""

WHITE = 255


@dataclass(frozen=True)
class Reach:
    """How much of its range a convolution's accumulator was driven through.

    Attributes:
        layer: the convolution.
        share: largest absolute sum seen over the largest code of the accumulator's type (0 to 1).
    """

    layer: str
    share: float


def patterns(size: int, seed: int) -> Images:
    """Black, white, checkerboards of three periods, single pixels, extremes and noise.

    Args:
        size: side of the images in pixels.
        seed: of the random ones.
    """
    rng = np.random.default_rng([seed, size, 0xAD])
    rows, columns = np.mgrid[0:size, 0:size]
    planes = [np.zeros((size, size), bool), np.ones((size, size), bool)]
    for period in (1, 2, 3):
        board = (rows // period + columns // period) % 2 == 1
        planes += [board, ~board]
    planes += [rows % 2 == 0, columns % 2 == 0]
    images = [np.repeat(plane[:, :, None], 3, axis=2) for plane in planes]
    for place in ((0, 0), (0, size - 1), (size - 1, 0), (size - 1, size - 1), (size // 2, size // 2)):
        for channel in range(3):
            single = np.zeros((size, size, 3), bool)
            single[(*place, channel)] = True
            images.append(single)
    for channel in range(3):
        colour = np.zeros((size, size, 3), bool)
        colour[..., channel] = True
        images += [colour, ~colour]
    extremes = rng.random((8, size, size, 3)) < np.linspace(0.1, 0.9, 8)[:, None, None, None]
    blocks = rng.random((4, -(-size // 4), -(-size // 4), 3)) < 0.5
    images += [*extremes, *blocks.repeat(4, axis=1).repeat(4, axis=2)[:, :size, :size]]
    noise = rng.integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    made: Images = np.concatenate([np.stack(images).astype(np.uint8) * np.uint8(WHITE), noise])
    return made


def first_layer_extremes(design: Design) -> Images:
    """For each output channel of the first convolution the images with its largest and smallest sum.

    The pattern of the kernel's signs is tiled, so that at least one window is met exactly.
    """
    layer, conv = design.convolutions[0]
    size, kernel = design.input.shape[0], layer.kernel
    pad = _padding_before(design, layer)
    rows = (np.arange(size) + pad[0]) % kernel
    columns = (np.arange(size) + pad[2]) % kernel
    tiled = conv.weights[rows[:, None], columns[None, :]]  # size x size x 3 x C_out
    positive = np.moveaxis(tiled > 0, -1, 0)
    negative = np.moveaxis(tiled < 0, -1, 0)
    extremes: Images = np.concatenate([positive, negative]).astype(np.uint8) * np.uint8(WHITE)
    return extremes


def with_sums(design: Design) -> Design:
    """The same computation with each convolution's sums on a stream of their own.

    A convolution that writes a ReLU's type clips what is below zero and beyond its largest
    value, and a search for large sums sees nothing of it. Here it writes its accumulator, and
    a ReLU layer after it makes the type.
    """
    layers: list[DesignLayer] = []
    streams = list(design.streams)
    for layer in design.layers:
        conv, to = layer.conv, layer.out_type
        if conv is None or to.signed or to.saturation != "SAT":
            layers.append(layer)
            continue
        (written,) = layer.outputs
        sums, relu = f"{written}_sums", f"{layer.name}_relu"
        place = next(i for i, stream in enumerate(streams) if stream.name == written)
        wide = replace(streams[place], name=sums, type=conv.accum_type, sink=relu)
        streams[place : place + 1] = [wide, replace(streams[place], source=relu)]
        layers.append(replace(layer, outputs=(sums,), out_type=conv.accum_type))
        layers.append(
            DesignLayer(relu, Op.RELU, (sums,), (written,), layer.out_shape, layer.out_shape, out_type=to)
        )
    return replace(design, layers=tuple(layers), streams=tuple(streams))


def searched(design: Design, run: Run, seed: int, *, rounds: int = 12, population: int = 24) -> Images:
    """Images that drive the accumulators of the deeper convolutions as far as a search gets.

    A hill climb for all layers at once: each round, every layer's best image is varied
    (blocks set to black or white, or taken from another image) and the best are kept.

    Args:
        design: the hardware, its sums visible (:func:`with_sums`).
        run: computes all streams of that design for a batch of images.
        seed: of the variations.
        rounds, population: how long to search, and how many images a round.

    Returns:
        one image for each convolution's highest and lowest sum, in dataflow order.
    """
    rng = np.random.default_rng([seed, 0x5EA])
    size = design.input.shape[0]
    pool = patterns(size, seed)
    pool = pool[rng.permutation(len(pool))[:population]]
    goals = len(design.convolutions) * 2
    best = np.repeat(pool[:1], goals, axis=0)
    scores = np.full(goals, -np.inf)
    for _ in range(rounds):
        codes = run(pool)
        for i, (layer, _) in enumerate(design.convolutions):
            sums = codes[layer.outputs[0]].reshape(len(pool), -1)
            for sign, goal in ((1, 2 * i), (-1, 2 * i + 1)):
                values = (sign * sums).max(axis=1)
                winner = int(values.argmax())
                if values[winner] > scores[goal]:
                    scores[goal], best[goal] = values[winner], pool[winner]
        pool = _varied(best, population, rng)
    return best


def reach(design: Design, codes: Mapping[str, npt.NDArray[np.int32]]) -> tuple[Reach, ...]:
    """How far each convolution's sums went in a batch of images.

    Args:
        design: the hardware, its sums visible (:func:`with_sums`).
        codes: of all its streams.
    """
    found = []
    for layer, conv in design.convolutions:
        sums = codes[layer.outputs[0]]
        top = max(int(sums.max()) / conv.accum_type.max_code, _negative_share(int(sums.min()), conv))
        found.append(Reach(layer.name, float(top)))
    return tuple(found)


def _negative_share(lowest: int, conv: ConvParameters) -> float:
    return lowest / conv.accum_type.min_code if conv.accum_type.min_code else 0.0


def _varied(best: Images, count: int, rng: np.random.Generator) -> Images:
    size = best.shape[1]
    pool: Images = best[rng.integers(0, len(best), count)].copy()
    for image in pool:
        for _ in range(int(rng.integers(1, 5))):
            side = int(rng.integers(1, max(2, size // 2)))
            top, left = (int(rng.integers(0, size - side + 1)) for _ in range(2))
            window = (slice(top, top + side), slice(left, left + side))
            kind = int(rng.integers(0, 3))
            if kind == 0:
                image[window] = best[int(rng.integers(0, len(best)))][window]
            elif kind == 1:
                image[window] = rng.integers(0, 2, 3, dtype=np.uint8) * WHITE
            else:
                image[window] = rng.integers(0, 2, (side, side, 3), dtype=np.uint8) * WHITE
    return pool


def _padding_before(design: Design, layer: DesignLayer) -> tuple[int, int, int, int]:
    source = design.stream(layer.inputs[0]).source
    if source is None:
        return (0, 0, 0, 0)
    before = design.layer(source)
    return before.padding if before.op is Op.ZERO_PAD else (0, 0, 0, 0)
