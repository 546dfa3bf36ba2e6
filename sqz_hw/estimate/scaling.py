"""The same network with other widths or bits, for advice on what would fit: shapes and types only.

The weights of a scaled design mean nothing; only its estimates do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op, Shape
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.token_flow import JOINS
from sqz_hw.fixed_point import FixedPoint


def with_width(design: Design, factor: float) -> Design:
    """The design with every layer's channels scaled, but for the image's and the classes'.

    Both inputs of an addition keep equal channels: where rounding parts them, the convolution
    behind one of them follows the other.

    Args:
        design: any design whose last convolution gives the classes.
        factor: of the channels, above 0; a channel count is rounded and at least 1.

    Raises:
        BadInputError: the factor is not above 0.
    """
    if not factor > 0:
        raise BadInputError(f"a width must be above 0, not {factor}; give 0.5 for half the channels")
    filters = {layer.name: max(1, round(conv.n_out * factor)) for layer, conv in design.convolutions}
    if filters:
        last, conv10 = design.convolutions[-1]
        filters[last.name] = conv10.n_out
    channels = _channels(design, filters)
    for _ in filters:
        follower = _follower(design, channels)
        if follower is None:
            break
        filters |= follower
        channels = _channels(design, filters)
    layers: list[DesignLayer] = []
    for layer in design.layers:
        first, count = channels[layer.inputs[0]], channels[layer.outputs[0]]
        conv = None if layer.conv is None else _resized(layer.conv, first, count)
        layers.append(
            replace(
                layer,
                in_shape=_with_channels(layer.in_shape, first),
                out_shape=_with_channels(layer.out_shape, count),
                conv=conv,
            )
        )
    streams = tuple(replace(s, shape=_with_channels(s.shape, channels[s.name])) for s in design.streams)
    return replace(design, layers=tuple(layers), streams=streams)


def with_bits(design: Design, weight_bits: int, activation_bits: int) -> Design:
    """The design with no weight and no unsigned tensor wider than given; sums narrow with them.

    The image and an arg max's index keep their bits.

    Args:
        design: any design.
        weight_bits, activation_bits: at least 1.

    Raises:
        BadInputError: fewer than 1 bit.
    """
    if weight_bits < 1 or activation_bits < 1:
        raise BadInputError(
            f"weights and activations need at least 1 bit, not {weight_bits} and {activation_bits}; give more"
        )
    kept = {design.input.name, *(la.outputs[0] for la in design.layers if la.op is Op.ARGMAX)}
    activation = {
        s.name: _narrowed(s.type, activation_bits) if s.name not in kept and not s.type.signed else s.type
        for s in design.streams
    }
    layers: list[DesignLayer] = []
    for layer in design.layers:
        conv = layer.conv
        if conv is not None:
            saved = conv.weight_type.width - min(conv.weight_type.width, weight_bits)
            source = design.stream(layer.inputs[0])
            saved += source.type.width - activation[source.name].width
            accum = _narrowed(conv.accum_type, max(2, conv.accum_type.width - saved))
            conv = replace(conv, weight_type=_narrowed(conv.weight_type, weight_bits), accum_type=accum)
        layers.append(replace(layer, conv=conv, out_type=activation.get(layer.outputs[0], layer.out_type)))
    streams = tuple(replace(s, type=activation[s.name]) for s in design.streams)
    return replace(design, layers=tuple(layers), streams=streams)


def _channels(design: Design, filters: Mapping[str, int]) -> dict[str, int]:
    """Channels by stream, from those that the convolutions write."""
    channels = {design.input.name: design.input.shape[2]}
    for layer in design.layers:
        if layer.op is Op.CONV:
            count = filters[layer.name]
        elif layer.op is Op.CONCAT:
            count = sum(channels[name] for name in layer.inputs)
        else:
            count = layer.out_shape[2] if layer.op is Op.ARGMAX else channels[layer.inputs[0]]
        channels.update(dict.fromkeys(layer.outputs, count))
    return channels


def _follower(design: Design, channels: Mapping[str, int]) -> dict[str, int] | None:
    """The filters that a convolution must have for the first addition of unequal inputs, or None."""
    for layer in design.layers:
        counts = [channels[name] for name in layer.inputs]
        if layer.op is Op.ADD and counts[0] != counts[1]:
            for name, other in zip(layer.inputs, reversed(counts), strict=True):
                conv = _convolution_behind(design, name)
                if conv is not None:
                    return {conv: other}
    return None


def _convolution_behind(design: Design, stream: str) -> str | None:
    """The convolution whose channels a stream has, or None where a join or the image gives them."""
    source = design.stream(stream).source
    while source is not None:
        layer = design.layer(source)
        if layer.op is Op.CONV:
            return layer.name
        if layer.op in JOINS:
            return None
        source = design.stream(layer.inputs[0]).source
    return None


def _narrowed(type_: FixedPoint, width: int) -> FixedPoint:
    """Low bits dropped."""
    return type_ if type_.width <= width else replace(type_, width=width)


def _with_channels(shape: Shape, channels: int) -> Shape:
    return (shape[0], shape[1], channels)


def _resized(conv: ConvParameters, c_in: int, c_out: int) -> ConvParameters:
    kernel = conv.weights.shape[0]
    return replace(
        conv,
        weights=np.zeros((kernel, kernel, c_in, c_out), np.int64),
        bias=np.zeros(c_out, np.int64),
    )
