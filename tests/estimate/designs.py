"""Designs by hand, laid out as hls4ml lays out its graph: padding and clones are layers of their own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op, Shape, Stream
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import Kind

PIXEL = FixedPoint(8, 0, False)
VALUE = FixedPoint(6, 2, False)
WEIGHT = FixedPoint(6, 1, True)
BIAS = FixedPoint(8, 2, True)
ACCUM = FixedPoint(20, 10, True)


@dataclass(frozen=True)
class Tensor:
    """The result of a layer, before clones are put in."""

    name: str
    shape: Shape


class Net:
    """Collects layers; ``design`` gives every second reader of a tensor a clone."""

    def __init__(self, height: int, width: int, channels: int = 2) -> None:
        self.input = Tensor("image", (height, width, channels))
        self._layers: list[DesignLayer] = []
        self._tensors = {"image": self.input}

    def _add(self, op: Op, name: str, inputs: list[Tensor], out: Shape, **more: object) -> Tensor:
        name = name or f"{op.value}{len(self._layers)}"
        tensor = Tensor(f"{name}_out", out)
        self._tensors[tensor.name] = tensor
        self._layers.append(
            DesignLayer(
                name, op, tuple(t.name for t in inputs), (tensor.name,), inputs[0].shape, out, VALUE, **more
            )
        )
        return tensor

    def pad(self, x: Tensor, top: int, bottom: int, left: int, right: int, name: str = "") -> Tensor:
        h, w, c = x.shape
        padding = (top, bottom, left, right)
        return self._add(Op.ZERO_PAD, name, [x], (h + top + bottom, w + left + right, c), padding=padding)

    def conv(
        self,
        x: Tensor,
        filters: int,
        kernel: int = 1,
        stride: int = 1,
        pad: int = 0,
        rf: int = 1,
        name: str = "",
    ) -> Tensor:
        if pad:
            x = self.pad(x, pad, pad, pad, pad, f"{name}_pad" if name else "")
        h, w, c = x.shape
        weights = np.ones((kernel, kernel, c, filters), np.int64)
        conv = ConvParameters(weights, np.zeros(filters, np.int64), WEIGHT, BIAS, ACCUM, rf)
        out = ((h - kernel) // stride + 1, (w - kernel) // stride + 1, filters)
        return self._add(Op.CONV, name, [x], out, kernel=kernel, stride=stride, conv=conv)

    def relu(self, x: Tensor, name: str = "") -> Tensor:
        return self._add(Op.RELU, name, [x], x.shape)

    def conv_relu(self, x: Tensor, filters: int, kernel: int = 1, stride: int = 1, pad: int = 0) -> Tensor:
        return self.relu(self.conv(x, filters, kernel, stride, pad))

    def pool(self, x: Tensor, padding: tuple[int, int, int, int] = (0, 0, 0, 0), name: str = "") -> Tensor:
        if any(padding):
            x = self.pad(x, *padding, f"{name}_pad" if name else "")
        h, w, c = x.shape
        return self._add(Op.MAX_POOL, name, [x], ((h - 3) // 2 + 1, (w - 3) // 2 + 1, c), kernel=3, stride=2)

    def concat(self, a: Tensor, b: Tensor, name: str = "") -> Tensor:
        return self._add(Op.CONCAT, name, [a, b], (*a.shape[:2], a.shape[2] + b.shape[2]))

    def add(self, a: Tensor, b: Tensor, name: str = "") -> Tensor:
        return self._add(Op.ADD, name, [a, b], a.shape)

    def sum(self, x: Tensor, name: str = "") -> Tensor:
        return self._add(Op.GLOBAL_SUM, name, [x], (1, 1, x.shape[2]))

    def argmax(self, x: Tensor, name: str = "") -> Tensor:
        return self._add(Op.ARGMAX, name, [x], (1, 1, 1))

    def fire(self, x: Tensor, squeeze: int = 2, expand: int = 4, bypass: str = "none") -> Tensor:
        s = self.conv_relu(x, squeeze)
        merged = self.concat(self.conv_relu(s, expand), self.conv_relu(s, expand, 3, 1, 1))
        if bypass == "none":
            return merged
        if bypass == "complex":
            x = self.conv_relu(x, 2 * expand)
        return self.relu(self.add(x, merged))

    def design(self, backend: str = "Vitis") -> Design:
        uses = Counter(name for layer in self._layers for name in layer.inputs)
        layers: list[DesignLayer] = []
        copies: dict[str, list[str]] = {}
        self._clone("image", uses, layers, copies)
        for layer in self._layers:
            inputs = tuple(copies[name].pop(0) if copies.get(name) else name for name in layer.inputs)
            layers.append(DesignLayer(**{**vars(layer), "inputs": inputs}))
            self._clone(layer.outputs[0], uses, layers, copies)
        sources = {name: layer.name for layer in layers for name in layer.outputs}
        sinks = {name: layer.name for layer in layers for name in layer.inputs}
        shapes = {"image": self.input.shape, **{n: la.out_shape for la in layers for n in la.outputs}}
        streams = tuple(
            Stream(
                name, shape, PIXEL if name.startswith("image") else VALUE, shape[0] * shape[1],
                sources.get(name), sinks.get(name),
            )
            for name, shape in shapes.items()
        )  # fmt: skip
        return Design("test", "xc7z020", backend, 100.0, tuple(layers), streams)

    def _clone(
        self, name: str, uses: Counter[str], layers: list[DesignLayer], copies: dict[str, list[str]]
    ) -> None:
        if uses[name] > 1:
            shape = self._tensors[name].shape
            copies[name] = [f"{name}_cpy{i + 1}" for i in range(uses[name])]
            layers.append(
                DesignLayer(f"clone_{name}", Op.CLONE, (name,), tuple(copies[name]), shape, shape, VALUE)
            )


def fire_design(side: int = 8, bypass: str = "none", pooled: bool = False, modules: int = 1) -> Design:
    """Conv1, perhaps a pool, and Fire modules."""
    net = Net(side, side)
    x = net.conv_relu(net.input, 8, 3, 1, 1)
    if pooled:
        x = net.pool(x, (0, 1, 0, 1))
    for _ in range(modules):
        x = net.fire(x, bypass=bypass)
    return net.design()


def design_of_architecture(arch: Architecture) -> Design:
    """A whole SqueezeNet, all weights one."""
    net = Net(arch.input_size, arch.input_size, 3)
    made = {arch.layers[0].name: net.input}
    for spec in arch.layers[1:]:
        inputs = [made[name] for name in spec.inputs]
        name = spec.safe_name
        if spec.kind is Kind.CONV:
            x = net.conv(inputs[0], spec.out_shape[2], spec.kernel, spec.stride, spec.padding[0], name=name)
        elif spec.kind is Kind.MAX_POOL:
            x = net.pool(inputs[0], spec.padding, name)
        else:
            method = {
                Kind.RELU: net.relu,
                Kind.CONCAT: net.concat,
                Kind.ADD: net.add,
                Kind.GLOBAL_AVERAGE: net.sum,
            }
            x = method[spec.kind](*inputs, name=name)
        made[spec.name] = x
    return net.design()


def with_reuse_factors(design: Design, factors: dict[str, int]) -> Design:
    """The same design folded otherwise."""
    layers = tuple(
        la if la.conv is None else replace(la, conv=replace(la.conv, reuse_factor=factors[la.name]))
        for la in design.layers
    )
    return replace(design, layers=layers)


def with_depths(design: Design, depths: dict[str, int]) -> Design:
    """The same design with other FIFO depths."""
    return replace(design, streams=tuple(replace(s, depth=depths[s.name]) for s in design.streams))


def with_weight_bits(design: Design, bits: dict[str, int]) -> Design:
    """The same design with weights of other widths, which use every bit of it."""
    layers = list(design.layers)
    for i, layer in enumerate(layers):
        if layer.conv is not None and layer.name in bits:
            type_ = FixedPoint(bits[layer.name], 1, True)
            weights = np.full_like(layer.conv.weights, type_.min_code)
            layers[i] = replace(layer, conv=replace(layer.conv, weights=weights, weight_type=type_))
    return replace(design, layers=tuple(layers))
