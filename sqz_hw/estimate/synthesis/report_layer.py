"""One layer of a report's JSON, as the model sees it and as csynth measured it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis.facts import LARGEST, STRATEGIES, WEIGHTED, Kind, LayerFacts
from sqz_hw.estimate.synthesis.json_fields import count_at, first_at, is_count, need_at, object_at, text_of
from sqz_hw.estimate.synthesis.measured import MeasuredLayer

RESOURCES = ("LUT", "FF", "DSP", "BRAM18")
_FIELD = MappingProxyType({"LUT": "LUT", "FF": "FF", "DSP": "DSP", "BRAM18": "BRAM_18K"})
_KINDS = MappingProxyType(
    {
        "conv2d": Kind.CONV,
        "conv1d": Kind.CONV,
        "pointwise_conv2d": Kind.CONV,
        "pointwise_conv1d": Kind.CONV,
        "zeropad1d": Kind.ZERO_PAD,
        "zeropad2d": Kind.ZERO_PAD,
        "pooling1d": Kind.POOL,
        "pooling2d": Kind.POOL,
        "hard_sigmoid": Kind.HARD_TANH,
        "tanh": Kind.SIGMOID,
        "merge": Kind.ADD,
        "concatenate": Kind.CONCAT,
        "clone_stream": Kind.CLONE,
        "global_pooling1d": Kind.GLOBAL_POOL,
        "global_pooling2d": Kind.GLOBAL_POOL,
        "upsampling2d": Kind.RESIZE,
        "normalize": Kind.BATCHNORM,
        **{kind.value: kind for kind in Kind if kind is not Kind.OVERLAPPING_POOL},
    }
)
DEFAULT_TYPE = (16, 6)


@dataclass(frozen=True)
class Surroundings:
    """What a layer's own record leaves to its design.

    Attributes:
        strategy: the design's.
        hint: implementation of windows by the notes on the kernels, None where they do not say.
        zero_weights: all weights are known to be zero.
        stock: hls4ml's own kernels.
        whole_pixels: a word of every stream holds all channels of a pixel.
    """

    strategy: str
    hint: str | None
    zero_weights: bool
    stock: bool
    whole_pixels: bool


def read_layer(row: object, label: str, around: Surroundings, lanes: int | None) -> MeasuredLayer:
    """One layer.

    Args:
        row: its JSON.
        label: a name for tables.
        around: what its design says.
        lanes: values in a word of the layer before, None where that is not known.

    Raises:
        BadInputError: what is missing or wrong.
    """
    if not isinstance(row, dict):
        raise BadInputError(f"a layer must be an object, not {type(row).__name__}")
    kind = _KINDS.get(text_of(row.get("kind")))
    if kind is None:
        raise BadInputError(f"no model of a layer of kind {row.get('kind')!r}")
    cfg, types, csynth = object_at(row, "cfg"), object_at(row, "types"), object_at(row, "csynth")
    figures = figures_at(csynth)
    cycles = count_at(csynth, "latency_max")
    if not figures and cycles is None:
        raise BadInputError("no csynth figures")
    own = text_of(cfg.get("strategy")).lower()
    if kind in WEIGHTED and own not in ("", *STRATEGIES):
        raise BadInputError(f"the layer's strategy must be {' or '.join(STRATEGIES)}, not {own}")
    facts = _facts(kind, cfg, types, own or around.strategy, around, lanes)
    calibrates = around.whole_pixels or kind is Kind.SIGMOID
    if kind in (Kind.POOL, Kind.CONV):
        calibrates &= around.hint is not None or text_of(cfg.get("implementation")) != ""
    if kind in (Kind.POOL, Kind.DENSE):
        calibrates &= around.stock
    if kind in WEIGHTED:
        calibrates &= facts.strategy == "resource" and not facts.weights_are_zero
    circular = kind in WEIGHTED and count_at(cfg, "reuse_factor") is None
    name = f"{label} {facts.n_in}x{facts.n_out}" if facts.n_in else label
    vivado = some_at(object_at(row, "vivado_synth"), ("LUT", "FF"))
    return MeasuredLayer(name, facts, cycles, figures, vivado, calibrates, circular)


def _facts(
    kind: Kind,
    cfg: Mapping[str, Any],
    types: Mapping[str, Any],
    strategy: str,
    around: Surroundings,
    lanes: int | None,
) -> LayerFacts:
    in_bits, out_bits = _type(types, "input")[0], _type(types, "output")[0]
    channels = first_at(cfg, "n_chan", "n_filt") or lanes
    in_lanes = count_at(types, "input_elems_per_beat") or channels
    out_lanes = count_at(types, "output_elems_per_beat") or first_at(cfg, "n_filt", "n_chan")
    strategy = strategy if strategy in STRATEGIES else "resource"
    n_in, n_out = 0, 0
    if kind in WEIGHTED:
        n_in, n_out = _block(kind, cfg)
        reuse = first_at(cfg, "reuse_factor", "reuse_factor_inferred")
        if reuse is None and strategy == "resource":
            raise BadInputError("a Resource layer without a reuse factor")
        reuse = reuse or 1
        weight, accum = _type(types, "weight"), _type(types, "accum", "output")[0]
    else:
        reuse, weight, accum = 1, (0, 1), _type(types, "accum", "input")[0]
    out_lanes = out_lanes or (n_out if kind is Kind.DENSE else in_lanes)
    if kind is Kind.DENSE:
        in_lanes = in_lanes or n_in
    if in_lanes is None or out_lanes is None:
        raise BadInputError("the number of channels is not stated")
    shape_in, shape_out = _shapes(kind, cfg, in_lanes, out_lanes, n_in, n_out)
    return LayerFacts(
        kind=kind,
        in_height=shape_in[0],
        in_width=shape_in[1],
        out_height=shape_out[0],
        out_width=shape_out[1],
        in_lanes=in_lanes,
        out_lanes=out_lanes,
        in_bits=in_bits,
        out_bits=out_bits,
        kernel_height=first_at(cfg, "pool_height", "filt_height") or 1,
        kernel_width=first_at(cfg, "pool_width", "filt_width") or 1,
        n_in=n_in,
        n_out=n_out,
        weight_bits=weight[0],
        weight_integer=weight[1],
        accum_bits=accum,
        weights_are_zero=around.zero_weights and kind in WEIGHTED,
        reuse_factor=reuse,
        strategy=strategy,
        implementation=_implementation(cfg, around),
    )


def _block(kind: Kind, cfg: Mapping[str, Any]) -> tuple[int, int]:
    """n_in and n_out of the multiplier block; a convolution's follow from its window and channels."""
    if kind is Kind.CONV and not (count_at(cfg, "n_in") and count_at(cfg, "n_out")):
        window = (count_at(cfg, "filt_height") or 1) * (first_at(cfg, "filt_width") or 1)
        return window * need_at(cfg, "n_chan"), need_at(cfg, "n_filt")
    return need_at(cfg, "n_in"), need_at(cfg, "n_out")


def _implementation(cfg: Mapping[str, Any], around: Surroundings) -> str:
    given = text_of(cfg.get("implementation")).lower()
    return given if given in ("linebuffer", "encoded", "pointwise") else around.hint or "linebuffer"


def _shapes(
    kind: Kind, cfg: Mapping[str, Any], in_lanes: int, out_lanes: int, n_in: int, n_out: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(height, width) in words of what a layer reads and writes."""
    if kind is Kind.DENSE:
        return (1, max(1, n_in // in_lanes)), (1, max(1, n_out // out_lanes))
    if kind is Kind.RESIZE:
        return (
            (need_at(cfg, "height"), need_at(cfg, "width")),
            (need_at(cfg, "new_height"), need_at(cfg, "new_width")),
        )
    if kind is Kind.GLOBAL_POOL:
        words = count_at(cfg, "in_width") or need_at(cfg, "n_in")
        return (count_at(cfg, "in_height") or 1, words), (1, 1)
    if kind in (Kind.CONV, Kind.ZERO_PAD, Kind.POOL):
        height, width = count_at(cfg, "in_height") or 1, first_at(cfg, "in_width", "n_in")
        out_height, out_width = count_at(cfg, "out_height") or 1, first_at(cfg, "out_width", "n_out")
        if not width or not out_width:
            raise BadInputError("the input's or output's width is not stated")
        return (height, width), (out_height, out_width)
    words = max(1, need_at(cfg, "n_in") // in_lanes)
    return (1, words), (1, words)


def figures_at(csynth: Mapping[str, Any]) -> dict[str, int]:
    """LUT, FF, DSP and BRAM18, those that are stated."""
    return {name: value for name in RESOURCES if (value := count_at(csynth, _FIELD[name])) is not None}


def some_at(given: Mapping[str, Any], names: Sequence[str]) -> dict[str, int]:
    """The named whole numbers, those that are stated."""
    return {name: value for name in names if (value := count_at(given, name)) is not None}


def _type(types: Mapping[str, Any], *names: str) -> tuple[int, int]:
    """(width, integer) of the first type that is stated, else hls4ml's default.

    Raises:
        BadInputError: a type is stated and is none.
    """
    for name in names:
        given = types.get(name)
        if given is None:
            continue
        if isinstance(given, list) and len(given) >= 2:
            width, integer = given[:2]
            if is_count(width) and width >= 1 and isinstance(integer, int) and abs(integer) <= LARGEST:
                return width, integer
        raise BadInputError(f"the {name} type must be [width, integer, signed], not {given!r:.60}")
    return DEFAULT_TYPE
