"""Tight accumulators: wide enough for every input, and not one bit wider."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, TINY_ODD, random_model

from sqz_hw.decisions import Decisions
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.hls.convert import ConversionOptions, convert
from sqz_hw.hls.graph_design import fixed_point
from sqz_hw.model.accumulators import accumulators, tight_type


def worst_sums(kernel, bias, weight_type, bias_type, value):
    """All sums at the inputs that drive each channel highest and lowest, as exact reals."""
    flat = kernel.reshape(-1, kernel.shape[-1])
    high = np.where(flat > 0, value.max_code, value.min_code)
    low = np.where(flat > 0, value.min_code, value.max_code)
    lsb = weight_type.lsb * value.lsb
    return np.concatenate([(flat * x).sum(axis=0) * lsb + bias * bias_type.lsb for x in (high, low)])


types = st.builds(FixedPoint, st.integers(2, 8), st.integers(-3, 5), st.just(True))
values = st.builds(FixedPoint, st.integers(2, 8), st.integers(-3, 5), st.booleans())


@settings(max_examples=200, deadline=None)
@given(types, types, values, st.integers(1, 30), st.integers(1, 4), st.integers(0, 2**32), st.integers(0, 2))
def test_every_sum_fits_and_one_bit_less_would_not(weight, bias, value, n_in, n_out, seed, zeros):
    rng = np.random.default_rng(seed)
    kernel = rng.integers(weight.min_code, weight.max_code + 1, (1, 1, n_in, n_out)) >> zeros << zeros
    offset = rng.integers(bias.min_code, bias.max_code + 1, n_out)
    tight = tight_type(kernel, offset, weight, bias, value)
    sums = worst_sums(kernel, offset, weight, bias, value)
    codes = sums * 2.0**tight.fraction
    assert (codes == np.rint(codes)).all()
    assert codes.max() <= tight.max_code
    assert codes.min() >= tight.min_code
    assert tight.signed == (codes.min() < 0)
    if tight.width > 1 + tight.signed:
        narrower = FixedPoint(tight.width - 1, tight.integer - 1, tight.signed)
        assert codes.max() > narrower.max_code or codes.min() < narrower.min_code
    parts = np.concatenate([kernel.reshape(-1) * weight.lsb * value.lsb, offset * bias.lsb])
    if parts.any():
        coarser = parts * 2.0 ** (tight.fraction - 1)
        assert (coarser != np.rint(coarser)).any()


def test_all_zero_weights_have_a_type_too():
    six = FixedPoint(6, 1, True)
    tight = tight_type(np.zeros((1, 1, 3, 2), int), np.zeros(2, int), six, six, FixedPoint(6, 2, False))
    assert tight.width == 1


def inferred(model, accumulators):
    """The types that hls4ml itself puts into its graph, by architecture layer."""
    options = ConversionOptions("xc7z020clg400-1", accumulators=accumulators)
    nodes = {node.name: node for node in convert(model, options, Decisions(), Path("nowhere")).get_layers()}
    specs = model.architecture.convolutions
    return {spec.name: fixed_point(nodes[spec.safe_name].types["accum_t"].precision) for spec in specs}


@pytest.mark.parametrize("arch", [TINY, TINY_ODD], ids=["tiny", "odd"])
def test_tight_is_what_hls4mls_bit_exact_inference_finds_and_auto_is_its_auto(arch):
    model = random_model(arch)
    found = accumulators(model)
    assert {name: a.auto for name, a in found.items()} == inferred(model, "auto")
    assert {name: a.tight for name, a in found.items()} == inferred(model, "tight")
    assert {name: a.tight for name, a in found.items()} == inferred(model, "bit_exact")


def test_bit_exact_inference_leaves_the_global_sum_its_own_accumulator():
    """hls4ml's pass would give it the type of the mean, and it would wrap."""
    options = ConversionOptions("xc7z020clg400-1", accumulators="bit_exact")
    graph = convert(random_model(TINY), options, Decisions(), Path("nowhere"))
    node = next(node for node in graph.get_layers() if node.class_name == "GlobalSum2D")
    total, pixel = fixed_point(node.types["accum_t"].precision), node.get_input_variable().type.precision
    pixels = node.get_attr("in_height") * node.get_attr("in_width")
    assert total.max_code >= pixels * (2**pixel.width - 1)
    assert total.fraction == pixel.width - pixel.integer


def test_hls4ml_still_lacks_the_rules_that_compat_adds():
    """Fails when upstream has mended it: then the override can go."""
    stock = "from hls4ml.model.optimizer.passes import bit_exact as b\n"
    stock += "from hls4ml.model.layers import ZeroPadding2D as z\n"
    stock += "print(b._produce_kif.dispatch(z) is b._produce_kif.dispatch(object))"
    result = subprocess.run([sys.executable, "-c", stock], capture_output=True, text=True, check=True)
    assert result.stdout.split()[-1] == "True"


def test_tight_is_never_wider_than_auto_and_mostly_narrower():
    model = random_model(TINY_ODD)
    found = accumulators(model)
    assert set(found) == {s.name for s in model.architecture.convolutions}
    saved = [a.auto.width - a.tight.width for a in found.values()]
    assert min(saved) >= 0
    assert sum(saved) >= 2 * len(saved)
