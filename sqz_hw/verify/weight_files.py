"""The weights in a project's files against the design's: each value, in both files that hold it.

C-simulation reads the weights from ``weights/*.txt``; the vendor's tool takes those in
``weights/*.h``. Neither is covered by the other, and a rounded output can hide a weight that
is one LSB off: so both are read and compared, value by value.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Codes, Design, DesignLayer
from sqz_hw.fixed_point import FixedPoint

_CALL = re.compile(
    r"conv_2d_cl<[^;]*>\(\w+, \w+, (?P<weights>\w+), (?P<bias>\w+)\); // (?P<layer>\w+)$", re.M
)


def weight_fault(hls: Path, design: Design) -> str | None:
    """The first value in dataflow order that is not the design's, in words; None if all are.

    Args:
        hls: the project's folder, as hls4ml lays it out.
        design: what it was written from.
    """
    firmware = hls / "firmware"
    try:
        source = (firmware / "myproject.cpp").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"firmware/myproject.cpp cannot be read ({error.strerror})"
    calls = {match["layer"]: match for match in _CALL.finditer(source)}
    for layer, conv in design.convolutions:
        call = calls.get(layer.name)
        if call is None:
            return f"firmware/myproject.cpp has no convolution {layer.name}"
        stored = np.moveaxis(conv.weights, -1, 0)  # the Resource strategy stores OHWI
        for name, codes, type_ in (
            (call["weights"], stored, conv.weight_type),
            (call["bias"], conv.bias, conv.bias_type),
        ):
            for suffix in ("txt", "h"):
                fault = _fault(firmware / "weights" / f"{name}.{suffix}", layer, codes.reshape(-1), type_)
                if fault is not None:
                    return fault
    return None


def _fault(path: Path, layer: DesignLayer, codes: Codes, type_: FixedPoint) -> str | None:
    where = f"weights/{path.name} of {layer.name}"
    found = _values(path)
    if found is None or len(found) != len(codes):
        count = "none that can be read" if found is None else f"{len(found):,}"
        return f"{where} must hold {len(codes):,} values, not {count}"
    wanted = codes * type_.lsb
    wrong = np.flatnonzero(found != wanted)
    if len(wrong) == 0:
        return None
    first = int(wrong[0])
    return (
        f"{where} has {len(wrong):,} of {len(codes):,} values that are not the design's, "
        f"first number {first}: "
        f"wanted {float(wanted[first])!r}, given {float(found[first])!r}"
    )


def _values(path: Path) -> npt.NDArray[np.float64] | None:
    try:
        text = path.read_text(encoding="ascii")
        if path.suffix == ".h":
            text = text[text.index("#else") :]
            text = text[text.index("{") + 1 : text.index("}")]
        return np.array([float(value) for value in text.split(",")], np.float64)
    except (OSError, ValueError):
        return None
