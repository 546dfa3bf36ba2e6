"""SqueezeNet as data: Fire modules and the paper's metaparameters, free of TensorFlow.

Source: Iandola et al. 2016, arXiv 1602.07360: Fire module in section 3.2, layout in
table 1, metaparameters (base_e, incr_e, freq, pct3x3, SR) in section 5.1, bypass in
section 6 and figure 2. v1.1 is the authors' later layout (pools after 1, 3 and 5).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from sqz_hw.errors import IllegalArchitectureError
from sqz_hw.model.expand import expand_layers
from sqz_hw.model.layers import Kind, LayerSpec

Bypass = Literal["none", "simple", "complex"]
_BYPASSES = ("none", "simple", "complex")
MAX_SIDE = 4096
MAX_CHANNELS = 65536
MAX_FIRE_MODULES = 64


@dataclass(frozen=True)
class FireModule:
    """A Fire module: squeeze 1x1, then expand 1x1 and expand 3x3 side by side, concatenated.

    Raises:
        IllegalArchitectureError: a width is below one, or the squeeze width is not below
            the expand width (section 3.2: "we set s1x1 to be less than e1x1 + e3x3").
    """

    name: str
    squeeze: int
    expand1x1: int
    expand3x3: int

    def __post_init__(self) -> None:
        for what in ("squeeze", "expand1x1", "expand3x3"):
            width = getattr(self, what)
            if width < 1:
                raise IllegalArchitectureError(
                    f"{self.name}: {what} must have at least 1 channel, not {width}; "
                    "raise base_e, SR or the width multiplier, or move pct3x3 away from 0 and 1"
                )
        if self.squeeze >= self.expand:
            raise IllegalArchitectureError(
                f"{self.name}: the squeeze width must be below the expand width "
                f"({self.expand1x1} + {self.expand3x3} = {self.expand}), not {self.squeeze}; lower SR"
            )

    @property
    def expand(self) -> int:
        """Channels at the module's output."""
        return self.expand1x1 + self.expand3x3


@dataclass(frozen=True)
class Architecture:
    """A SqueezeNet by its metaparameters; ``layers`` expands it to a frozen layer list.

    Attributes:
        name: what to call it (``v1.0``, ``v1.1``, or the user's own).
        input_size: side of the square RGB input in pixels.
        classes: outputs of conv10.
        base_e: expand filters of the first Fire module (section 5.1).
        incr_e: expand filters added every ``freq`` modules.
        freq: Fire modules between increases.
        pct3x3: share of the expand filters that are 3x3, between 0 and 1.
        squeeze_ratio: SR, squeeze filters over expand filters.
        fire_modules: number of Fire modules; the first is called fire2, as in the paper.
        conv1_filters, conv1_kernel, conv1_stride, conv1_padding: the stem.
        pools_after: numbers of the layers (1 = conv1, 2 = fire2, ...) followed by a max pool.
        ceil_pooling: Caffe's rounding of the pooled size (up) instead of down.
        conv10_padding: zeros around conv10's input (1 in the authors' v1.0).
        bypass: "none", "simple" (identity where channels agree) or "complex" (1x1 convolution
            where they do not).
        width: multiplier on every channel count but the input's and the classes'.

    Raises:
        IllegalArchitectureError: the metaparameters describe no legal network.
    """

    name: str = "v1.0"
    input_size: int = 227
    classes: int = 1000
    base_e: int = 128
    incr_e: int = 128
    freq: int = 2
    pct3x3: float = 0.5
    squeeze_ratio: float = 0.125
    fire_modules: int = 8
    conv1_filters: int = 96
    conv1_kernel: int = 7
    conv1_stride: int = 2
    conv1_padding: int = 0
    pools_after: tuple[int, ...] = (1, 4, 8)
    ceil_pooling: bool = True
    conv10_padding: int = 0
    bypass: Bypass = "none"
    width: float = 1.0

    def __post_init__(self) -> None:
        _check_types(self)
        object.__setattr__(self, "pools_after", tuple(self.pools_after))
        _check_ranges(self)
        _ = self.layers  # shapes are checked while expanding

    @cached_property
    def fires(self) -> tuple[FireModule, ...]:
        """The Fire modules, by the formulas of section 5.1, then the width multiplier."""
        return tuple(self._fire(i) for i in range(self.fire_modules))

    def _fire(self, i: int) -> FireModule:
        expand = self.base_e + self.incr_e * (i // self.freq)
        expand3x3 = _round(Fraction(str(self.pct3x3)) * expand)
        squeeze = _round(Fraction(str(self.squeeze_ratio)) * expand)
        return FireModule(
            name=f"fire{i + 2}",
            squeeze=self.scaled(squeeze),
            expand1x1=self.scaled(expand - expand3x3),
            expand3x3=self.scaled(expand3x3),
        )

    def scaled(self, channels: int) -> int:
        """Apply the width multiplier, rounding half up; a width that was not zero stays >= 1."""
        return max(1, _round(Fraction(str(self.width)) * channels)) if channels else 0

    @cached_property
    def layers(self) -> tuple[LayerSpec, ...]:
        """The network in dataflow order, softmax left to the host."""
        return expand_layers(self)

    @property
    def parameters(self) -> int:
        """Weights and biases of all convolutions."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one image."""
        return sum(layer.macs for layer in self.layers)

    @property
    def convolutions(self) -> tuple[LayerSpec, ...]:
        """The layers that hold weights."""
        return tuple(layer for layer in self.layers if layer.kind is Kind.CONV)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON metadata."""
        return {**asdict(self), "pools_after": list(self.pools_after)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Architecture:
        """Inverse of :meth:`to_dict`; a field left out has its default.

        Raises:
            IllegalArchitectureError: an unknown field or an illegal value.
        """
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise IllegalArchitectureError(
                f"architecture fields must be among {', '.join(sorted(known))}, not {', '.join(unknown)}"
            )
        if isinstance(values.get("pools_after"), list):
            values = {**values, "pools_after": tuple(values["pools_after"])}
        return cls(**values)


def _round(value: Fraction) -> int:
    return int((value + Fraction(1, 2)) // 1)


_INTEGERS = (
    "input_size", "classes", "base_e", "incr_e", "freq", "fire_modules", "conv1_filters",
    "conv1_kernel", "conv1_stride", "conv1_padding", "conv10_padding",
)  # fmt: skip


def _check_types(arch: Architecture) -> None:
    for field in _INTEGERS:
        value = getattr(arch, field)
        if isinstance(value, bool) or not isinstance(value, int):
            raise IllegalArchitectureError(f"{field} must be a whole number, not {value!r}")
    for field in ("pct3x3", "squeeze_ratio", "width"):
        value = getattr(arch, field)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise IllegalArchitectureError(f"{field} must be a number, not {value!r}")
    if not isinstance(arch.ceil_pooling, bool):
        raise IllegalArchitectureError(f"ceil_pooling must be true or false, not {arch.ceil_pooling!r}")
    if not isinstance(arch.name, str) or not arch.name or not arch.name.isprintable():
        raise IllegalArchitectureError(f"name must be a text, not {arch.name!r}")
    pools = arch.pools_after
    if not isinstance(pools, (tuple, list)) or any(
        isinstance(p, bool) or not isinstance(p, int) for p in pools
    ):
        raise IllegalArchitectureError(f"pools_after must be a list of layer numbers, not {pools!r}")
    if arch.bypass not in _BYPASSES:
        raise IllegalArchitectureError(f"bypass must be one of {', '.join(_BYPASSES)}, not {arch.bypass!r}")


def _check_ranges(arch: Architecture) -> None:
    limits: dict[str, tuple[float, float]] = {
        "input_size": (1, MAX_SIDE),
        "classes": (1, MAX_CHANNELS),
        "base_e": (2, MAX_CHANNELS),
        "incr_e": (0, MAX_CHANNELS),
        "freq": (1, MAX_FIRE_MODULES),
        "fire_modules": (1, MAX_FIRE_MODULES),
        "conv1_filters": (1, MAX_CHANNELS),
        "conv1_kernel": (1, 15),
        "conv1_stride": (1, 8),
        "conv1_padding": (0, 7),
        "conv10_padding": (0, 7),
        "pct3x3": (0.0, 1.0),
        "squeeze_ratio": (0.0, 1.0),
        "width": (0.0, 16.0),
    }
    for field, (low, high) in limits.items():
        value = getattr(arch, field)
        if not low <= value <= high:
            raise IllegalArchitectureError(f"{field} must be between {low} and {high}, not {value}")
    if arch.width <= 0:
        raise IllegalArchitectureError(f"width must be above 0, not {arch.width}")
    last = arch.fire_modules + 1
    pools = arch.pools_after
    if list(pools) != sorted(set(pools)) or any(not 1 <= p <= last for p in pools):
        raise IllegalArchitectureError(
            f"pools_after must be rising layer numbers between 1 (conv1) and {last} (fire{last}), "
            f"not {list(pools)}"
        )


V1_0 = Architecture(name="v1.0", conv10_padding=1)
"""The paper's SqueezeNet in the authors' Caffe layout: 1,248,424 parameters at 1000 classes."""

V1_1 = Architecture(name="v1.1", conv1_filters=64, conv1_kernel=3, pools_after=(1, 3, 5))
"""The authors' later layout: 2.2 times fewer MACs (they say 2.4), 1,235,496 parameters at 1000 classes."""

NAMED: dict[str, Architecture] = {"v1.0": V1_0, "v1.1": V1_1}


def small_stem(base: Architecture, **changes: Any) -> Architecture:
    """The same network for small images: conv1 3x3 with stride 1 that keeps the map's size.

    Strategy 3 of the paper (downsample late) for inputs such as CIFAR-10's 32x32.
    """
    defaults: dict[str, Any] = {
        "input_size": 32,
        "classes": 10,
        "conv1_kernel": 3,
        "conv1_stride": 1,
        "conv1_padding": 1,
        "conv10_padding": 0,
    }
    return replace(base, **{**defaults, **changes})


def named(name: str) -> Architecture:
    """Look up ``v1.0`` or ``v1.1``.

    Raises:
        IllegalArchitectureError: any other name.
    """
    if name not in NAMED:
        raise IllegalArchitectureError(f"architecture must be one of {', '.join(NAMED)}, not {name!r}")
    return NAMED[name]
