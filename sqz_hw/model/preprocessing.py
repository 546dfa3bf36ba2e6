"""What becomes of a pixel before conv1, and folding that into conv1's weights.

Hardware takes pixels as they are, RGB on the k/256 grid. A network trained on
``(pixel - mean) * scale``, perhaps with the channels reversed, computes the same from such
pixels after conv1's weights and biases are changed, where conv1 has no padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import BadInputError, ModelFileError

Channels = Literal["RGB", "BGR"]
Three = tuple[float, float, float]
Array = npt.NDArray[np.float32]

PIXEL_STEPS = 256.0
MAX_MEAN = 65536.0
MAX_SCALE = 65536.0


@dataclass(frozen=True)
class Preprocessing:
    """``x = (pixel - mean) * scale`` for each channel, pixels 0 to 255.

    Attributes:
        channels: order in which the network takes the channels.
        mean: subtracted, in units of a pixel, in that order.
        scale: factor after the subtraction, in that order.

    Raises:
        BadInputError: another order, a number that is not finite or out of range, or a scale of 0.
    """

    channels: Channels = "RGB"
    mean: Three = (0.0, 0.0, 0.0)
    scale: Three = (1 / PIXEL_STEPS,) * 3

    def __post_init__(self) -> None:
        if self.channels not in ("RGB", "BGR"):
            raise BadInputError(f"the channels must be RGB or BGR, not {self.channels!r}")
        for what, values, most in (("mean", self.mean, MAX_MEAN), ("scale", self.scale, MAX_SCALE)):
            if len(values) != 3 or not all(abs(v) <= most for v in values):
                raise BadInputError(
                    f"the {what} must be three numbers of at most {most:g}, one for each of "
                    f"{self.channels}, not {', '.join(map(str, values))}"
                )
        if 0.0 in self.scale:
            raise BadInputError("the scale must not be 0: every image would look the same")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"channels": self.channels, "mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Preprocessing:
        """Inverse of :meth:`to_dict`.

        Raises:
            BadInputError: a missing field or an impossible value.
        """
        try:
            (m0, m1, m2), (s0, s1, s2) = plain["mean"], plain["scale"]
            return cls(plain["channels"], (m0, m1, m2), (s0, s1, s2))
        except (LookupError, TypeError, ValueError) as error:
            raise BadInputError(
                f"a preprocessing must have channels, three means and three scales: {error}"
            ) from error

    def __str__(self) -> str:
        means = ", ".join(f"{m:g}" for m in self.mean)
        scales = ", ".join(f"{s:.6g}" for s in self.scale)
        return f"{self.channels}, minus ({means}), times ({scales})"


HARDWARE = Preprocessing()
"""Pixels as this project's networks and hardware take them: RGB, pixel / 256."""

CAFFE = Preprocessing("BGR", (104.0, 117.0, 123.0), (1.0, 1.0, 1.0))
"""The SqueezeNet authors' Caffe models."""

_DEVIATION = (0.229, 0.224, 0.225)
TORCHVISION = Preprocessing(
    "RGB",
    (0.485 * 255, 0.456 * 255, 0.406 * 255),
    (1 / (255 * _DEVIATION[0]), 1 / (255 * _DEVIATION[1]), 1 / (255 * _DEVIATION[2])),
)
"""torchvision's ImageNet models: pixels / 255, minus the mean, over the standard deviation."""

NAMED = {"caffe": CAFFE, "torchvision": TORCHVISION, "x/256": HARDWARE}


def fold(
    kernel: Array, bias: Array, preprocessing: Preprocessing, padding: int
) -> tuple[Array, Array, Preprocessing]:
    """conv1 for pixels as hardware takes them.

    With q = pixel / 256 in RGB: w' = 256 scale w and b' = b - sum(w scale mean), the channels
    put in order. Sums are in float64, results are rounded to float32 once; a scale that is a
    power of two loses nothing of w. The zeros that padding adds stand for ``pixel = mean``, so
    with padding the mean cannot go into the bias and remains to be subtracted.

    Args:
        kernel: K x K x 3 x O of the network as trained.
        bias: O.
        preprocessing: what that network takes.
        padding: zeros around conv1's input.

    Returns:
        kernel and bias for RGB channels, and what remains to be done to pixels:
        ``HARDWARE``, or with padding ``HARDWARE`` with a mean.

    Raises:
        ModelFileError: a folded weight is beyond float32.
    """
    order = slice(None) if preprocessing.channels == "RGB" else slice(None, None, -1)
    scaled = kernel.astype(np.float64)[:, :, order] * np.array(preprocessing.scale[order])[:, None]
    mean = np.array(preprocessing.mean[order])
    rest = HARDWARE
    shift = np.zeros(bias.shape)
    if padding and mean.any():
        rest = replace(HARDWARE, mean=(float(mean[0]), float(mean[1]), float(mean[2])))
    else:
        shift = np.einsum("hwio,i->o", scaled, mean)
    with np.errstate(over="ignore"):
        folded = (scaled * PIXEL_STEPS).astype(np.float32)
        moved = (bias.astype(np.float64) - shift).astype(np.float32)
    if not (np.isfinite(folded).all() and np.isfinite(moved).all()):
        raise ModelFileError(
            "conv1's weights must be below 1e36 for the preprocessing to be folded into them, "
            "and are above; check the file"
        )
    return np.ascontiguousarray(folded), moved, rest
