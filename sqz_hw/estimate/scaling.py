"""The same network with other widths or bits, for advice on what would fit: shapes and types only.

The weights of a scaled design mean nothing; only its estimates do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op, Shape
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint


def with_width(design: Design, factor: float) -> Design:
    """The design with every layer's channels scaled, but for the image's and the classes'.

    Args:
        design: any design whose last convolution gives the classes.
        factor: of the channels, above 0; a channel count is rounded and at least 1.

    Raises:
        BadInputError: the factor is not above 0.
    """
    if not factor > 0:
        raise BadInputError(f"a width must be above 0, not {factor}; give 0.5 for half the channels")
    channels = {design.input.name: design.input.shape[2]}
    last = design.convolutions[-1][0].name if design.convolutions else None
    layers: list[DesignLayer] = []
    for layer in design.layers:
        first = channels[layer.inputs[0]]
        if layer.op is Op.CONV:
            count = layer.out_shape[2] if layer.name == last else max(1, round(layer.out_shape[2] * factor))
        elif layer.op is Op.CONCAT:
            count = sum(channels[name] for name in layer.inputs)
        elif layer.op is Op.ARGMAX:
            count = layer.out_shape[2]
        else:
            count = first
        channels.update(dict.fromkeys(layer.outputs, count))
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
    image = design.input.name
    activation = {
        s.name: _narrowed(s.type, activation_bits) if s.name != image and not s.type.signed else s.type
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
