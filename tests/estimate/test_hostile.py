"""Edges of the estimate: memories of a few bits, and a calibration without ratios."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from designs import Net

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.memory import MemoryKind, memory_map
from sqz_hw.estimate.synthesis import totals
from sqz_hw.estimate.synthesis.bram import estimate_bram
from sqz_hw.estimate.synthesis.from_design import facts_of, tool_facts_of


@pytest.mark.parametrize(
    ("channels", "filters", "rf", "blocks"),
    [(8, 2, 144, 0), (7, 24, 168, 0), (8, 24, 192, 1), (8, 64, 64, 0)],
)
def test_a_deep_rom_of_up_to_1024_bits_is_luts_for_both_tools(
    channels: int, filters: int, rf: int, blocks: int
) -> None:
    """144 x 6 = 864 and 168 x 6 = 1,008 bits are LUTs; 192 x 6 = 1,152 are a block; 64 words are shallow."""
    net = Net(8, 8, channels)
    kernel = 3 if rf == 144 else 1
    net.conv(net.input, filters, kernel, name="conv")
    design = net.design()
    layer = design.layer("conv")
    assert layer.conv is not None
    folded = replace(layer, conv=replace(layer.conv, reuse_factor=rf))
    design = replace(design, layers=(folded,))
    (rom,) = (m for m in memory_map(design).memories if m.kind is MemoryKind.WEIGHTS)
    assert (rom.bram18.low > 0) is bool(blocks)
    csynth = estimate_bram(facts_of(design, folded), tool_facts_of(design))
    assert rom.bram18.low <= csynth.high


@pytest.mark.parametrize("ratio", [{}, {"low": None, "median": None, "high": None}, None])
def test_a_calibration_without_ratios_is_refused(ratio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = totals.content_of(totals.FILE)
    content: Mapping[str, Any] = {**given, "post_synthesis": {"resource": {"LUT": ratio, "FF": ratio}}}
    monkeypatch.setattr(totals, "content_of", lambda path: content)
    with pytest.raises(BadInputError, match=r"must have ratios of csynth to Vivado's synthesis, and has not"):
        totals.vivado_total("LUT", 1000)
