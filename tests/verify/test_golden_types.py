"""Types that the conversion never chooses: the golden model against C-simulation of edited projects."""

import random
import shutil

import numpy as np
import pytest
from models import random_images
from retyped import retype

from sqz_hw.design import Design
from sqz_hw.fixed_point import ROUNDINGS, SATURATIONS, FixedPoint
from sqz_hw.verify.compiler import compile_project
from sqz_hw.verify.csim import simulate
from sqz_hw.verify.exactness import proofs
from sqz_hw.verify.golden import GoldenModel


@pytest.fixture(scope="module")
def design(project):
    return Design.from_json((project.folder / "csim" / "design.json").read_text())


@pytest.fixture(scope="module")
def images(project):
    return random_images(project.model.architecture, 6)


def compare(project, design, images, types, folder):
    """Both engines on the retyped project; gives the design, and the codes by stream."""
    hls = shutil.copytree(project.folder / "hls", folder / "hls")
    other = retype(hls, design, types)
    simulator = compile_project(hls, folder / "csim")
    golden = GoldenModel(other)
    codes = golden.run(images)
    for trace in simulate(simulator, other, images, folder / "run"):
        for stream in other.streams:  # in dataflow order: the first that differs is named
            np.testing.assert_array_equal(
                codes[stream.name][trace.image], trace.codes[stream.name], err_msg=stream.name
            )
    np.testing.assert_array_equal(
        golden.scores(images), codes[other.output.name].reshape(len(images), -1) * other.output.type.lsb
    )
    return other, codes


def narrower(of, bits, *modes):
    """As many integer bits fewer."""
    return FixedPoint(of.width - bits, of.integer - bits, of.signed, *modes)


def coarser(of, bits, *modes):
    """As many fraction bits fewer."""
    return FixedPoint(of.width - bits, of.integer, of.signed, *modes)


def accumulators(design):
    return {layer.name: conv.accum_type for layer, conv in design.convolutions}


def test_accumulators_of_every_sort(project, design, images, tmp_path):
    """Too narrow, too coarse, saturating on the way, and all of it at once; results cast again."""
    accum = accumulators(design)
    types = {
        "conv1_accum_t": narrower(accum["conv1"], 3),
        "layer3_t": coarser(accum["conv1"], 5, "RND_CONV", "SAT_SYM"),
        "fire2_squeeze1x1_accum_t": coarser(accum["fire2_squeeze1x1"], 6, "RND"),
        "fire2_expand1x1_accum_t": narrower(coarser(accum["fire2_expand1x1"], 7), 1, "TRN_ZERO", "SAT"),
        "fire2_expand3x3_accum_t": narrower(accum["fire2_expand3x3"], 2, "TRN", "SAT"),
        "fire3_squeeze1x1_accum_t": narrower(accum["fire3_squeeze1x1"], 2, "TRN", "SAT_ZERO"),
        "fire3_expand1x1_accum_t": narrower(accum["fire3_expand1x1"], 2, "TRN", "SAT_SYM"),
        "fire3_expand3x3_accum_t": coarser(accum["fire3_expand3x3"], 7, "RND_MIN_INF"),
        "conv4_accum_t": narrower(coarser(accum["conv4"], 5), 1, "RND_INF", "SAT"),
    }
    other, codes = compare(project, design, images, types, tmp_path)
    by_layer = {proof.layer: proof for proof in proofs(other)}
    assert by_layer["conv1"].wraps
    assert {name for name, p in by_layer.items() if p.rounds} == {
        "fire2_squeeze1x1", "fire2_expand1x1", "fire3_expand3x3", "conv4",
    }  # fmt: skip
    assert {name for name, p in by_layer.items() if p.saturates} == {
        "fire2_expand1x1", "fire2_expand3x3", "fire3_squeeze1x1", "fire3_expand1x1", "conv4",
    }  # fmt: skip
    assert any(conv.reuse_factor > 1 for layer, conv in other.convolutions if by_layer[layer.name].saturates)
    unchanged = GoldenModel(design).run(images, keep=["layer3_out"])["layer3_out"]
    cast = np.clip(
        np.rint(unchanged / 2.0**5), -other.layers[1].out_type.max_code, other.layers[1].out_type.max_code
    )
    assert (codes["layer3_out"] != cast).any()  # some sum did wrap
    for stream in other.streams:
        assert len(np.unique(codes[stream.name])) > 2, stream.name


def test_other_layers_in_every_mode(project, design, images, tmp_path):
    """Padding, pooling, concatenation, addition, clones and the sum that round, clip and wrap."""
    t = {s.name: s.type for s in design.streams}
    types = {
        "layer2_t": FixedPoint(6, 0, False, "RND", "SAT"),  # conv1_pad
        "layer3_t": coarser(t["layer3_out"], 1, "RND_ZERO", "WRAP"),
        "layer5_t": FixedPoint(7, 1, True, "RND_INF", "SAT_SYM"),  # pool1_pad
        "layer6_t": coarser(t["layer6_out"], 2, "RND_CONV", "SAT"),  # pool1 and its clones
        "layer7_t": FixedPoint(8, 1, True, "RND", "SAT_ZERO"),
        "layer9_t": FixedPoint(7, 1, True, "RND_MIN_INF", "SAT"),  # fire2_expand3x3_pad
        "layer10_t": FixedPoint(9, 0, True, "TRN_ZERO", "SAT_ZERO"),
        "layer11_t": coarser(t["layer11_out"], 2, "RND_INF", "SAT"),
        "layer14_t": narrower(coarser(t["layer14_out"], 1), 1, "RND_ZERO", "WRAP"),  # fire2_concat
        "layer15_t": narrower(coarser(t["layer15_out"], 2), 1, "RND_CONV", "SAT_ZERO"),  # fire2_add
        "layer17_t": FixedPoint(6, 2, True, "RND_MIN_INF", "SAT"),
        "layer24_t": FixedPoint(5, 1, True, "RND", "SAT"),  # fire3_concat
        "pool4_accum_t": FixedPoint(11, 4, False),
        "result_t": FixedPoint(11, -2, False),
    }
    other, codes = compare(project, design, images, types, tmp_path)
    assert other.layer("pool1_pad").out_type.signed
    assert len(np.unique(codes[other.output.name])) > 2
    for stream in other.streams:
        assert len(np.unique(codes[stream.name])) > 1, stream.name


def random_types(design, rng):
    """New types for most typedefs of the tiny project, near the old ones.

    Not for the global sum's input: the sum's accumulator has its fraction.
    """
    types = {}
    for layer, conv in design.convolutions:
        old = conv.accum_type
        fewer, cut = rng.choice([0, 0, 1, 3]), rng.choice([-2, 0, 0, 4, 7])
        modes = (rng.choice(ROUNDINGS), rng.choice(SATURATIONS))
        types[f"{layer.name}_accum_t"] = narrower(coarser(old, cut), fewer, *modes)
    for stream in design.streams:
        outer = stream.source is None or stream.sink in (None, "pool4")
        if outer or "_cpy" in stream.name or rng.random() < 0.3:
            continue
        old = stream.type
        width = max(2, old.width - rng.choice([-1, 0, 1, 2]))
        integer = old.integer - rng.choice([-1, 0, 0, 1])
        modes = (rng.choice(ROUNDINGS), rng.choice(SATURATIONS))
        types[stream.name.replace("_out", "_t")] = FixedPoint(
            width, integer, old.signed or rng.random() < 0.3, *modes
        )
    return types


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_random_types_everywhere(seed, project, design, images, tmp_path):
    rng = random.Random(seed)  # noqa: S311
    compare(project, design, images, random_types(design, rng), tmp_path)
