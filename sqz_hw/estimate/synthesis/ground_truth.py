"""Reads public synthesis reports (``hls_designs.json``) into measured layers and designs.

The file is a list of designs. Any field may be missing or wrong: what cannot be used is
left out and listed with its reason, never guessed, but for two things that are said here.
Types that are missing are taken as ap_fixed<16,6>, hls4ml's default, and a lane count that
is missing as that of the layer before. ``reuse_factor_inferred`` of the Keb-L designs was
computed from their DSP, so it serves cycles, memory and logic, never DSP.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis.facts import ToolFacts, dsp_family
from sqz_hw.estimate.synthesis.json_fields import count_at, list_at, object_at, text_of
from sqz_hw.estimate.synthesis.measured import MeasuredDesign, MeasuredFifo, MeasuredLayer, Skipped
from sqz_hw.estimate.synthesis.report_layer import Surroundings, figures_at, read_layer, some_at

_LINE_BUFFER = re.compile(r"line.?buffer", re.IGNORECASE)
_BUSY = re.compile("conv|dense|: $", re.IGNORECASE)


def read(path: Path) -> tuple[tuple[MeasuredDesign, ...], tuple[Skipped, ...]]:
    """Designs of a file, and what of it could not be used.

    Raises:
        BadInputError: the file cannot be read, is no JSON, or is no list of designs.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} must be a readable JSON file: {error}; name another") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInputError(f"{path} must be JSON, and is not: {error}; name another file") from error
    except ValueError as error:  # a number with thousands of digits
        raise BadInputError(f"{path} holds a number that is no figure: {error}; mend it") from error
    return parse(content, str(path))


def parse(content: object, source: str) -> tuple[tuple[MeasuredDesign, ...], tuple[Skipped, ...]]:
    """Designs of a list as read from JSON.

    Raises:
        BadInputError: it is no list of designs.
    """
    if not isinstance(content, list) or not any(_looks_like_design(item) for item in content):
        given = f"a list of {len(content)}" if isinstance(content, list) else type(content).__name__
        raise BadInputError(
            f"{source} must be a list of designs, objects with 'id' and 'layers' or 'top', not {given}; "
            "name a file of the schema of hls_designs.json"
        )
    designs: list[MeasuredDesign] = []
    skipped: list[Skipped] = []
    for index, item in enumerate(content):
        name = text_of(item.get("id")) if isinstance(item, dict) else ""
        name = name or f"design {index}"
        try:
            design, more = _design(item, name)
        except BadInputError as error:
            skipped.append(Skipped(name, str(error)))
            continue
        designs.append(design)
        skipped += more
    return tuple(designs), tuple(skipped)


def _looks_like_design(item: object) -> bool:
    return isinstance(item, dict) and "id" in item and ("layers" in item or "top" in item)


def _design(item: object, name: str) -> tuple[MeasuredDesign, list[Skipped]]:
    if not isinstance(item, dict):
        raise BadInputError(f"a design must be an object, not {type(item).__name__}")
    if text_of(item.get("io_type")) not in ("", "io_stream"):
        raise BadInputError(f"the design must be io_stream, not {item['io_type']!r}")
    tool = _tool(item)
    stock = text_of(item.get("kernels")) == "stock"
    rows = list_at(item, "layers")
    strategy = _strategy(item, rows)
    words = " ".join(text_of(note) for note in [*list_at(item, "caveats"), *list_at(item, "flags")])
    zero = "all-zero" in words or "weights_optimised_away" in words
    note = text_of(item.get("kernels_note"))
    hint = "encoded" if "encoded" in note else "linebuffer" if _LINE_BUFFER.search(note) else None
    whole_pixels = not any(_splits_pixels(row) for row in rows)
    around = Surroundings(strategy, hint, zero, stock, whole_pixels)
    layers: list[MeasuredLayer] = []
    skipped: list[Skipped] = []
    lanes: int | None = None
    lost = False
    for index, row in enumerate(rows):
        label = f"{index}: {text_of(row.get('kind')) if isinstance(row, dict) else '?'}"
        try:
            layer = read_layer(row, label, around, lanes)
        except BadInputError as error:
            skipped.append(Skipped(name, str(error), label))
            lanes = None
            lost |= _BUSY.search(label) is not None or not isinstance(row, dict)
            continue
        lanes = layer.facts.out_lanes
        layers.append(layer)
        skipped += [Skipped(name, reason, label) for reason in layer.not_compared]
    if not rows:
        skipped.append(Skipped(name, "no figures of single layers"))
    fifos, lost_fifos = _fifos(item, name)
    skipped += lost_fifos
    top = object_at(item, "top")
    breakdown = object_at(object_at(top, "csynth_breakdown"), "FIFO")
    cosim = {
        key: value for key in object_at(top, "cosim") if (value := count_at(object_at(top, "cosim"), key))
    }
    design = MeasuredDesign(
        name=name,
        repo=text_of(item.get("repo")) or name,
        commit=text_of(item.get("commit")),
        tool=tool,
        stock=stock,
        strategy=strategy,
        layers=tuple(layers),
        whole=bool(rows) and len(layers) == len(rows),
        busy_known=bool(layers) and not lost,
        fifos=fifos,
        interval=count_at(top, "interval_max"),
        totals=figures_at(object_at(top, "csynth")),
        fifo_lut=count_at(breakdown, "LUT"),
        vivado=some_at(object_at(top, "vivado_synth"), ("LUT", "FF")),
        cosim=cosim,
    )
    return design, skipped


def _tool(item: Mapping[str, Any]) -> ToolFacts:
    part = text_of(item.get("part"))
    clock = item.get("clock_ns")
    if isinstance(clock, bool) or not isinstance(clock, int | float) or not math.isfinite(clock):
        raise BadInputError(f"the design's clock_ns must be a number, not {clock!r}")
    if not part:
        raise BadInputError("the design names no part")
    given = text_of(item.get("tool"))
    name = next((tool for tool in ("Vitis HLS", "Vivado HLS") if tool[:5].lower() in given.lower()), given)
    version = item.get("tool_version")
    written = str(version) if isinstance(version, float) else text_of(version)
    return ToolFacts(name, written, float(clock), dsp_family(part))


def _strategy(item: Mapping[str, Any], rows: Sequence[object]) -> str:
    """The design's strategy, else that of its layers where they agree."""
    given = {text_of(item.get("strategy")).lower()} - {""}
    if not given:
        layers = [object_at(row, "cfg") for row in rows if isinstance(row, dict)]
        given = {text_of(cfg.get("strategy")).lower() for cfg in layers} - {""}
    if len(given) != 1 or not given <= {"resource", "latency"}:
        raise BadInputError(
            f"the strategy must be resource or latency, not {' and '.join(sorted(given)) or 'missing'}"
        )
    return given.pop()


def _splits_pixels(row: object) -> bool:
    """Whether a word of the layer's input holds fewer values than a pixel has channels."""
    if not isinstance(row, dict):
        return False
    channels = count_at(object_at(row, "cfg"), "n_chan")
    lanes = count_at(object_at(row, "types"), "input_elems_per_beat")
    return bool(channels and lanes and channels > lanes)


def _fifos(item: Mapping[str, Any], name: str) -> tuple[tuple[MeasuredFifo, ...], list[Skipped]]:
    """All FIFOs, or none where one cannot be used: the sum of the others is not the design's."""
    fifos: list[MeasuredFifo] = []
    skipped: list[Skipped] = []
    for index, row in enumerate(list_at(item, "fifos")):
        try:
            fifos.append(_fifo(row))
        except BadInputError as error:
            skipped.append(Skipped(name, f"{error}; no total but DSP is compared", f"fifo {index}"))
    return () if skipped else tuple(fifos), skipped


def _fifo(row: object) -> MeasuredFifo:
    if not isinstance(row, dict):
        raise BadInputError(f"a FIFO must be an object, not {type(row).__name__}")
    width, depth, count = (count_at(row, key) for key in ("width_bits", "depth", "n_fifos"))
    if not width or not depth or not count:
        raise BadInputError("a FIFO's width_bits, depth and n_fifos must be whole numbers from 1 on")
    return MeasuredFifo(width, depth, count, count_at(row, "BRAM_18K"), count_at(row, "FF"))
