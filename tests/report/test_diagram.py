"""The network's tiles."""

import copy
import re

import pytest

from sqz_hw.report.diagram import BOX_HEIGHT, HEIGHT, shape, tiles, width_of


@pytest.fixture
def rich(variants):
    return copy.deepcopy(variants["rich"].to_dict())


def test_fire_modules_and_single_layers(rich):
    found = {tile.name: tile for tile in tiles(rich)}
    assert list(found) == ["conv1", "pool1", "fire2", "fire3", "fire4", "conv10", "pool10"]
    assert [len(found[name].boxes) for name in found] == [1, 1, 3, 3, 4, 1, 1]
    assert [found[f"fire{i}"].bypass is not None for i in (2, 3, 4)] == [False, True, True]
    assert [found[f"fire{i}"].add is not None for i in (2, 3, 4)] == [False, True, True]
    assert [box.name for box in found["fire4"].boxes] == [
        "fire4_squeeze1x1", "fire4_expand1x1", "fire4_expand3x3", "fire4_bypass1x1",
    ]  # fmt: skip
    drawn = {box.name for tile in found.values() for box in tile.boxes}
    assert drawn == {r["name"] for r in rich["network"] if r["op"] in ("conv", "max_pool", "global_sum")}


def test_shapes_and_bits(rich):
    found = {tile.name: tile for tile in tiles(rich)}
    assert (found["conv1"].into, found["conv1"].out) == ("32×32×3, 8-bit", "32×32×16, 6-bit")
    assert (found["fire2"].into, found["fire2"].out) == ("15×15×16, 6-bit", "15×15×16, 6-bit")
    assert (found["fire3"].into, found["fire3"].out) == ("15×15×16, 6-bit", "15×15×16, 6-bit")
    assert found["pool10"].out == "1×1×10, 20-bit"
    squeeze = found["fire2"].boxes[0]
    reuse = next(r["reuse_factor"] for r in rich["network"] if r["name"] == "fire2_squeeze1x1")
    assert squeeze.lines == ("squeeze 1×1", "4 ch, 6-bit", f"RF {reuse}")
    assert "expand 1×1 to 8 and 3×3 to 8, concatenated, input added (bypass)" in found["fire3"].text
    assert [shape((1, 2, 3)), width_of("ap_fixed<17,6>"), width_of("float")] == ["1×2×3", "17-bit", "float"]


def test_everything_is_inside_its_tile(rich):
    for tile in tiles(rich):
        for box in tile.boxes:
            assert box.x >= 0
            assert box.x + box.width <= tile.width
            assert box.y >= 0
            assert box.y + box.height <= HEIGHT
            assert box.y < box.baseline <= box.y + box.height
            assert 0 <= box.load <= 100
            assert box.height == BOX_HEIGHT or "bypass" in box.name
        for a in tile.boxes:
            for b in tile.boxes:
                apart = a.x + a.width < b.x or a.y + a.height < b.y
                assert a is b or apart or b.x + b.width < a.x or b.y + b.height < a.y
        for path in tile.paths:
            xs = [int(x) for x in re.findall(r"[MH](\d+)", path)]
            assert min(xs) >= 0
            assert max(xs) <= tile.width


def test_the_bottleneck_is_marked(rich):
    marked = [box.name for tile in tiles(rich) for box in tile.boxes if box.slowest]
    assert marked == [rich["latency"][0]["bottleneck"]]
    rich["latency"] = []
    assert not any(box.slowest or box.load for tile in tiles(rich) for box in tile.boxes)


def test_no_network_no_tiles(variants):
    assert tiles(variants["full"].to_dict()) == []


def test_a_fire_module_of_another_make_is_drawn_layer_by_layer(rich):
    for row in rich["network"]:
        if row["name"] == "fire2_expand3x3":
            row["kernel"] = 5
    names = [tile.name for tile in tiles(rich)]
    assert "fire2" not in names
    assert {"fire2_squeeze1x1", "fire2_expand3x3", "fire2_concat"} <= set(names)
