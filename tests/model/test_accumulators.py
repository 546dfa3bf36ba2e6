"""Tight accumulators: wide enough for every input, and not one bit wider."""

import hls4ml
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY_ODD, random_model

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.accumulators import accumulators, tight_type
from sqz_hw.model.tensor_types import tensor_types


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


@pytest.fixture(scope="module")
def graph():
    """hls4ml's own inference for the same model: accumulators left to ``auto``."""
    from sqz_hw.decisions import Decisions
    from sqz_hw.hls import convert

    model = random_model(TINY_ODD)
    original = convert._config

    def automatic(*arguments):
        config = original(*arguments)
        for layer in config["LayerName"].values():
            if "accum" in layer["Precision"]:
                layer["Precision"] |= {"accum": "auto", "result": "auto"}
        return config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "_config", automatic)
        return model, convert.convert(
            model, convert.ConversionOptions("xc7z020clg400-1"), Decisions(), "nowhere"
        )


def test_auto_is_what_hls4ml_infers(graph):
    model, hls = graph
    assert hls4ml.__version__ == "1.3.0"
    nodes = {node.name: node for node in hls.get_layers()}
    for spec in model.architecture.convolutions:
        inferred = nodes[spec.safe_name].types["accum_t"].precision
        auto = accumulators(model)[spec.name].auto
        assert (auto.width, auto.integer, auto.signed) == (inferred.width, inferred.integer, inferred.signed)


def test_tight_is_never_wider_than_auto_and_mostly_narrower():
    model = random_model(TINY_ODD)
    found = accumulators(model)
    assert set(found) == {s.name for s in model.architecture.convolutions}
    saved = [a.auto.width - a.tight.width for a in found.values()]
    assert min(saved) >= 0
    assert sum(saved) >= 2 * len(saved)
    assert tensor_types(model.architecture, model.quantisation)
