"""A design as JSON: the same text for the same design, and every field checked on reading."""

from __future__ import annotations

import base64
import json
from typing import Any, get_args

import numpy as np

from sqz_hw.design import Codes, ConvParameters, Design, DesignLayer, Multiplier, Op, Shape, Storage, Stream
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint

SCHEMA = 1


def dump(design: Design) -> str:
    """The design as JSON text."""
    plain = {
        "schema": SCHEMA,
        "name": design.name,
        "part": design.part,
        "backend": design.backend,
        "clock_mhz": design.clock_mhz,
        "layers": [_layer_to_plain(layer) for layer in design.layers],
        "streams": [
            {
                "name": s.name,
                "shape": list(s.shape),
                "type": s.type.to_dict(),
                "depth": s.depth,
                "source": s.source,
                "sink": s.sink,
                "storage": s.storage,
            }
            for s in design.streams
        ],
    }
    return json.dumps(plain, sort_keys=True)


def parse(text: str) -> Design:
    """Inverse of :func:`dump`.

    Raises:
        BadInputError: the text is no design of this schema.
    """
    try:
        plain = json.loads(text)
        if plain["schema"] != SCHEMA:
            raise BadInputError(f"a design must have schema {SCHEMA}, not {plain['schema']}; build it again")
        return Design(
            name=_text(plain["name"]),
            part=_text(plain["part"]),
            backend=_text(plain["backend"]),
            clock_mhz=_positive(plain["clock_mhz"]),
            layers=tuple(_layer_from_plain(layer) for layer in plain["layers"]),
            streams=tuple(_stream_from_plain(stream) for stream in plain["streams"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise BadInputError(
            f"a design must be JSON as this program writes it ({error!r}); build it again"
        ) from error


def _shape(values: list[int]) -> Shape:
    height, width, channels = (_whole(value) for value in values)
    return (height, width, channels)


def _whole(value: Any, low: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise TypeError(f"{value!r} is no whole number from {low} up")
    return value


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise TypeError(f"{value!r} is no number above 0")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _one_of(value: Any, allowed: tuple[Any, ...]) -> Any:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


def _stream_from_plain(plain: dict[str, Any]) -> Stream:
    return Stream(
        name=_text(plain["name"]),
        shape=_shape(plain["shape"]),
        type=FixedPoint.from_dict(plain["type"]),
        depth=_whole(plain["depth"]),
        source=_text_or_none(plain["source"]),
        sink=_text_or_none(plain["sink"]),
        storage=_one_of(plain.get("storage", "auto"), get_args(Storage)),
    )


def _layer_to_plain(layer: DesignLayer) -> dict[str, Any]:
    conv = layer.conv
    return {
        "name": layer.name,
        "op": layer.op.value,
        "inputs": list(layer.inputs),
        "outputs": list(layer.outputs),
        "in_shape": list(layer.in_shape),
        "out_shape": list(layer.out_shape),
        "out_type": layer.out_type.to_dict(),
        "kernel": layer.kernel,
        "stride": layer.stride,
        "padding": list(layer.padding),
        "reference": layer.reference,
        "conv": None
        if conv is None
        else {
            "weights": _codes_to_plain(conv.weights),
            "bias": _codes_to_plain(conv.bias),
            "weight_type": conv.weight_type.to_dict(),
            "bias_type": conv.bias_type.to_dict(),
            "accum_type": conv.accum_type.to_dict(),
            "reuse_factor": conv.reuse_factor,
            "multiplier": conv.multiplier,
        },
    }


def _layer_from_plain(plain: dict[str, Any]) -> DesignLayer:
    conv = plain["conv"]
    top, bottom, left, right = (_whole(value) for value in plain["padding"])
    return DesignLayer(
        name=_text(plain["name"]),
        op=Op(plain["op"]),
        inputs=tuple(_text(name) for name in plain["inputs"]),
        outputs=tuple(_text(name) for name in plain["outputs"]),
        in_shape=_shape(plain["in_shape"]),
        out_shape=_shape(plain["out_shape"]),
        out_type=FixedPoint.from_dict(plain["out_type"]),
        kernel=_whole(plain["kernel"]),
        stride=_whole(plain["stride"]),
        padding=(top, bottom, left, right),
        reference=_text_or_none(plain["reference"]),
        conv=None
        if conv is None
        else ConvParameters(
            weights=_codes_from_plain(conv["weights"], 4),
            bias=_codes_from_plain(conv["bias"], 1),
            weight_type=FixedPoint.from_dict(conv["weight_type"]),
            bias_type=FixedPoint.from_dict(conv["bias_type"]),
            accum_type=FixedPoint.from_dict(conv["accum_type"]),
            reuse_factor=_whole(conv["reuse_factor"], 1),
            multiplier=_one_of(conv.get("multiplier", "auto"), get_args(Multiplier)),
        ),
    )


_WIDTHS = {"int8_base64": "<i1", "int16_base64": "<i2", "int32_base64": "<i4"}
"""How codes may be written, the narrowest first."""


def _codes_to_plain(codes: Codes) -> dict[str, Any]:
    for name, dtype in _WIDTHS.items():
        narrow = codes.astype(dtype)
        if np.array_equal(narrow, codes):
            return {"shape": list(codes.shape), name: base64.b64encode(narrow.tobytes()).decode("ascii")}
    raise BadInputError("weight codes must fit in 32 bits")


def _codes_from_plain(plain: dict[str, Any], axes: int) -> Codes:
    shape = tuple(_whole(side) for side in plain["shape"])
    if len(shape) != axes:
        raise ValueError(f"{shape} must have {axes} axes")
    name = next((name for name in _WIDTHS if name in plain), "int8_base64")
    raw = np.frombuffer(base64.b64decode(plain[name], validate=True), _WIDTHS[name])
    return raw.astype(np.int64).reshape(shape)
