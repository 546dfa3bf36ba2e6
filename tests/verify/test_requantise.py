"""Conversions between fixed-point types against the ap_fixed library, compiled."""

import itertools
import random
import re
import subprocess
from pathlib import Path

import hls4ml
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import ROUNDINGS, SATURATIONS, FixedPoint
from sqz_hw.verify.compiler import find_compiler
from sqz_hw.verify.float_requantise import Conversion, carrier, float_plan
from sqz_hw.verify.requantise import overflow, requantise

AP_TYPES = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
PROGRAM = Path(__file__).with_name("requantise_truth.cpp")
MODES = list(itertools.product(ROUNDINGS, SATURATIONS))


def random_type(rng, rounding=None, saturation=None):
    width = rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 31, 32, 33, 48, 63])
    integer = rng.choice([0, width, width // 2, rng.randint(-8, width + 8), rng.randint(-8, width + 8)])
    modes = (rounding or rng.choice(ROUNDINGS), saturation or rng.choice(SATURATIONS))
    return FixedPoint(width, integer, rng.random() < 0.5, *modes)


def patterns():
    """Bit patterns with every width's extremes, their neighbours and ties, small numbers, and noise."""
    found = set(range(-300, 300))
    for bit in range(64):
        for near in range(-3, 4):
            found |= {(1 << bit) + near, -(1 << bit) + near, (3 << bit >> 1) + near, -(3 << bit >> 1) + near}
    rng = random.Random(1)  # noqa: S311
    found |= {rng.getrandbits(64) - 2**63 >> rng.randrange(64) for _ in range(1000)}
    return np.array(sorted(p for p in found if -(2**63) <= p < 2**63), np.int64)


def library_result(pairs, folder):
    """What the library makes of every pattern, pairs x patterns."""
    lines = [
        f"typedef {full(a)} source_{i};\ntypedef {full(b)} target_{i};\nPAIR(source_{i}, target_{i})\n"
        for i, (a, b) in enumerate(pairs)
    ]
    (folder / "pairs.inc").write_text("".join(lines))
    # NDEBUG: the library reads a bit beyond the first one, and drops it, where more bits are
    # rounded off than the source has; its own assertion stops the program there.
    options = ["-O0", "-w", "-std=c++17", "-DNDEBUG", f"-I{AP_TYPES}", f"-I{folder}"]
    program = folder / "truth"
    subprocess.run([find_compiler(), *options, str(PROGRAM), "-o", str(program)], check=True)
    raw = subprocess.run([program], input=patterns().tobytes(), capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.int64).reshape(len(pairs), -1)


def full(to):
    return (
        f"ap_{'' if to.signed else 'u'}fixed<{to.width}, {to.integer}, AP_{to.rounding}, AP_{to.saturation}>"
    )


def low_bits(codes, of):
    return overflow(codes, FixedPoint(of.width, of.width, of.signed))


def check_against_library(pairs, folder):
    found = library_result(pairs, folder)
    for (source, to), bits in zip(pairs, found, strict=True):
        codes = low_bits(patterns(), source)
        made = requantise(codes, source, to)
        wanted = low_bits(bits, to)
        wrong = np.flatnonzero(made != wanted)
        first = wrong[:1]
        assert not wrong.size, f"{source} to {to}: {codes[first]} gave {made[first]}, not {wanted[first]}"


def test_every_mode_agrees_with_the_library(tmp_path):
    rng = random.Random(2)  # noqa: S311
    pairs = [(random_type(rng), random_type(rng, *modes)) for modes in MODES for _ in range(3)]
    pairs += [(random_type(rng), FixedPoint(1, rng.randint(-2, 2), True, *modes)) for modes in MODES[::3]]
    pairs += [(FixedPoint(8, 3, True, "RND", "SAT_SYM"),) * 2, (FixedPoint(8, 3, False, "TRN", "SAT"),) * 2]
    check_against_library(pairs, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_random_types_agree_with_the_library(seed, tmp_path):
    rng = random.Random(100 + seed)  # noqa: S311
    check_against_library([(random_type(rng), random_type(rng)) for _ in range(400)], tmp_path)


@st.composite
def types(draw, widest=30):
    width = draw(st.integers(1, widest))
    integer = draw(st.integers(-10, width + 10))
    return FixedPoint(
        width,
        integer,
        draw(st.booleans()),
        draw(st.sampled_from(ROUNDINGS)),
        draw(st.sampled_from(SATURATIONS)),
    )


@settings(max_examples=300, deadline=None)
@given(types(), types(), st.booleans(), st.integers(0, 2**32))
def test_float_arrays_give_the_same_codes(source, to, relu, seed):
    rng = np.random.default_rng(seed)
    low, high = source.min_code, source.max_code
    spread = rng.integers(low, high, 200, endpoint=True)
    ties = spread >> source.width // 2 << max(0, source.width // 2 - 1)
    codes = np.clip(np.concatenate([[low, high, 0], np.arange(-9, 10), spread, ties]), low, high)
    wanted = requantise(np.maximum(codes, 0) if relu else codes, source, to)
    convert = Conversion(source, to, relu=relu)
    for dtype in (np.float32, np.float64, np.int64):
        if dtype is np.float32 and carrier(source) != np.float32:
            continue
        made = convert(codes.astype(dtype))
        assert made.dtype == carrier(to)
        np.testing.assert_array_equal(made.astype(np.int64), wanted)


def test_the_carrier_is_the_smallest_that_holds_every_code():
    assert carrier(FixedPoint(24, 0, False)) == np.float32
    assert carrier(FixedPoint(25, 0, True)) == np.float32
    assert carrier(FixedPoint(25, 0, False)) == np.float64
    assert carrier(FixedPoint(54, 0, True)) == np.float64
    assert carrier(FixedPoint(54, 0, False)) == np.int64


def test_a_float_that_cannot_hold_the_half_is_not_used():
    source, to = FixedPoint(26, 26, False), FixedPoint(23, 26, False, "RND", "SAT")
    assert float_plan(0, 2**24 - 4, source, to, "float32") is not None
    assert float_plan(0, 2**24 - 3, source, to, "float32") is None
    assert float_plan(0, 2**24 - 3, source, to, "float64") is not None
    floor = FixedPoint(23, 26, False, "TRN", "SAT")
    assert float_plan(0, 2**24, source, floor, "float32") is not None
    assert float_plan(0, 2**24 + 1, source, floor, "float32") is None


def test_nothing_is_clipped_that_the_bounds_exclude():
    source, to = FixedPoint(20, 10, True), FixedPoint(8, 2, False, "RND_CONV", "SAT")
    plan = float_plan(-100, 4000, source, to, "float32", relu=True)
    assert (plan.scale, plan.rounding, plan.low, plan.high, plan.beyond) == (
        2.0**-4,
        "RND_CONV",
        0,
        None,
        None,
    )
    assert float_plan(-100, 5000, source, to, "float32", relu=True).high == 255


def test_an_array_given_is_never_changed():
    codes = np.arange(-100, 100, dtype=np.float32)
    for to in (FixedPoint(4, 4, True), FixedPoint(6, 5, False, "RND_INF", "SAT"), FixedPoint(9, 8, True)):
        before = codes.copy()
        Conversion(FixedPoint(8, 8, True), to)(codes)
        np.testing.assert_array_equal(codes, before)


@pytest.mark.parametrize("to", [FixedPoint(65, 3, True), FixedPoint(64, 3, False)])
def test_a_type_beyond_64_bits_is_refused(to):
    text = f"a type converted to must have codes that fit in 64 bits, not {to}; use a narrower one"
    with pytest.raises(BadInputError, match=re.escape(text)):
        requantise(np.zeros(1, np.int64), FixedPoint(8, 3, True), to)


def test_64_bits_and_long_shifts():
    codes = np.array([-(2**63), -1, 0, 1, 2**63 - 1], np.int64)
    wide = FixedPoint(64, 32, True)
    np.testing.assert_array_equal(requantise(codes, FixedPoint(64, 30, True), wide), codes >> 2)
    tiny = FixedPoint(8, 300, True, "RND_CONV", "SAT")  # every value is far below half a bit
    assert not requantise(codes, wide, tiny).any()
    np.testing.assert_array_equal(requantise(codes, wide, FixedPoint(8, 300, True)), [-1, -1, 0, 0, 0])
    fine = FixedPoint(8, -200, True, "TRN", "SAT")  # every value but zero is far beyond
    np.testing.assert_array_equal(requantise(codes, wide, fine), [-128, -128, 0, 127, 127])
    assert not requantise(codes, wide, FixedPoint(8, -200, True)).any()
