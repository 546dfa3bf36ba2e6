"""Expands an architecture to its frozen layer list: shapes, parameters and MACs of each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqz_hw.errors import IllegalArchitectureError
from sqz_hw.model.layers import Kind, LayerSpec, Padding, Shape

if TYPE_CHECKING:
    from sqz_hw.model.architecture import Architecture, FireModule

POOL_KERNEL, POOL_STRIDE = 3, 2


def expand_layers(arch: Architecture) -> tuple[LayerSpec, ...]:
    """The layers of ``arch`` in dataflow order.

    Raises:
        IllegalArchitectureError: a feature map would vanish, or would need padding that
            the pooling window cannot cover.
    """
    net = _Expansion()
    side = arch.input_size
    x = net.add(LayerSpec("data", Kind.INPUT, (), (side, side, 3), (side, side, 3)))
    pad = arch.conv1_padding
    x = net.conv("conv1", x, arch.scaled(arch.conv1_filters), arch.conv1_kernel, arch.conv1_stride, pad)
    x = net.relu("relu_conv1", x)
    if 1 in arch.pools_after:
        x = net.pool("pool1", x, arch.ceil_pooling)
    for number, fire in enumerate(arch.fires, start=2):
        x = _fire(net, x, fire, arch.bypass)
        if number in arch.pools_after:
            x = net.pool(f"pool{number}", x, arch.ceil_pooling)
    last = f"conv{arch.fire_modules + 2}"
    x = net.conv(last, x, arch.classes, 1, 1, arch.conv10_padding)
    x = net.relu(f"relu_{last}", x)
    net.add(
        LayerSpec(
            f"pool{arch.fire_modules + 2}",
            Kind.GLOBAL_AVERAGE,
            (x.name,),
            x.out_shape,
            (1, 1, x.out_shape[2]),
        )
    )
    return tuple(net.layers)


def _fire(net: _Expansion, x: LayerSpec, fire: FireModule, bypass: str) -> LayerSpec:
    source, name = x, fire.name
    s = net.conv(f"{name}/squeeze1x1", x, fire.squeeze, 1, 1, 0, name)
    s = net.relu(f"{name}/relu_squeeze1x1", s, name)
    e1 = net.conv(f"{name}/expand1x1", s, fire.expand1x1, 1, 1, 0, name)
    e1 = net.relu(f"{name}/relu_expand1x1", e1, name)
    e3 = net.conv(f"{name}/expand3x3", s, fire.expand3x3, 3, 1, 1, name)
    e3 = net.relu(f"{name}/relu_expand3x3", e3, name)
    h, w, c1 = e1.out_shape
    merged = net.add(
        LayerSpec(
            f"{name}/concat",
            Kind.CONCAT,
            (e1.name, e3.name),
            e1.out_shape,
            (h, w, c1 + e3.out_shape[2]),
            fire=name,
        )
    )
    same = source.out_shape[2] == fire.expand
    if bypass == "none" or (bypass == "simple" and not same):
        return merged
    if not same:
        source = net.conv(f"{name}/bypass1x1", source, fire.expand, 1, 1, 0, name)
        source = net.relu(f"{name}/relu_bypass1x1", source, name)
    total = net.add(
        LayerSpec(
            f"{name}/add", Kind.ADD, (source.name, merged.name), merged.out_shape, merged.out_shape, fire=name
        )
    )
    return net.relu(f"{name}/relu_add", total, name)


class _Expansion:
    """Collects layers and works out each one's shape from its input's."""

    def __init__(self) -> None:
        self.layers: list[LayerSpec] = []

    def add(self, layer: LayerSpec) -> LayerSpec:
        self.layers.append(layer)
        return layer

    def conv(
        self,
        name: str,
        x: LayerSpec,
        filters: int,
        kernel: int,
        stride: int,
        pad: int,
        fire: str | None = None,
    ) -> LayerSpec:
        h, w, c = x.out_shape
        out: Shape = (_size(name, h, kernel, stride, pad), _size(name, w, kernel, stride, pad), filters)
        weights = kernel * kernel * c * filters
        return self.add(
            LayerSpec(
                name, Kind.CONV, (x.name,), x.out_shape, out, kernel, stride, (pad,) * 4,
                weights + filters, out[0] * out[1] * weights, fire,
            )
        )  # fmt: skip

    def relu(self, name: str, x: LayerSpec, fire: str | None = None) -> LayerSpec:
        return self.add(LayerSpec(name, Kind.RELU, (x.name,), x.out_shape, x.out_shape, fire=fire))

    def pool(self, name: str, x: LayerSpec, ceil: bool) -> LayerSpec:
        h, w, c = x.out_shape
        out_h, pad_h = _pooled(name, h, ceil)
        out_w, pad_w = _pooled(name, w, ceil)
        padding: Padding = (0, pad_h, 0, pad_w)
        return self.add(
            LayerSpec(
                name,
                Kind.MAX_POOL,
                (x.name,),
                x.out_shape,
                (out_h, out_w, c),
                POOL_KERNEL,
                POOL_STRIDE,
                padding,
            )
        )


def _size(name: str, size: int, kernel: int, stride: int, pad: int) -> int:
    if size + 2 * pad < kernel:
        raise IllegalArchitectureError(
            f"{name}: the {kernel}x{kernel} window needs a map of at least {kernel} pixels, not "
            f"{size + 2 * pad}; enlarge input_size or pool less"
        )
    return (size + 2 * pad - kernel) // stride + 1


def _pooled(name: str, size: int, ceil: bool) -> tuple[int, int]:
    """Pooled size and the zeros needed below/right: Caffe's ceil mode as explicit padding."""
    least = POOL_KERNEL - ceil  # of two pixels and a row of zeros, ceil mode makes one
    if size < least:
        raise IllegalArchitectureError(
            f"{name}: the 3x3 pool needs a map of at least {least} pixels, not {size}; "
            "enlarge input_size or pool less"
        )
    span = size - POOL_KERNEL
    out = (-(-span // POOL_STRIDE) if ceil else span // POOL_STRIDE) + 1
    return out, max(0, (out - 1) * POOL_STRIDE + POOL_KERNEL - size)
