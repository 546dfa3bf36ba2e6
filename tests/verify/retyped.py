"""A project with other fixed-point types: edited in its C++ and, the same, in its design."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from sqz_hw.design import Design
from sqz_hw.fixed_point import FixedPoint


def retype(hls: Path, design: Design, types: dict[str, FixedPoint]) -> Design:
    """Change typedefs of ``firmware/defines.h``, and the design to match.

    Args:
        hls: the project's folder; its ``defines.h`` is rewritten.
        design: the design of it.
        types: new types by the name of their typedef (``layer4_t``, ``conv1_accum_t``).

    Returns:
        the design with the same changes.
    """
    defines = hls / "firmware" / "defines.h"
    text = defines.read_text()
    for name, to in types.items():
        text, count = re.subn(rf"ap_u?fixed<[^<>]*>(?=(, [^<>]*>)? {name};)", str(to), text)
        if count != 1:
            raise ValueError(f"{name} is defined {count} times")
    defines.write_text(text)
    source = (hls / "firmware" / "myproject.cpp").read_text()
    typedefs = {stream: name for name, stream in re.findall(r"hls::stream<(\w+)> &?(\w+)", source)}
    of_stream = {s.name: types.get(typedefs[s.name], s.type) for s in design.streams}
    layers = []
    for layer in design.layers:
        conv = layer.conv
        if conv is not None:
            conv = replace(conv, accum_type=types.get(f"{layer.name}_accum_t", conv.accum_type))
        layers.append(replace(layer, out_type=of_stream[layer.outputs[0]], conv=conv))
    streams = tuple(replace(s, type=of_stream[s.name]) for s in design.streams)
    return replace(design, layers=tuple(layers), streams=streams)
