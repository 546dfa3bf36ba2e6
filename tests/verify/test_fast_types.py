"""The fast ap types against those that hls4ml bundles: one program compiled with each, same output."""

import itertools
import random
import shutil
import subprocess
from pathlib import Path

import hls4ml
import numpy as np
import pytest

from sqz_hw.design import Design
from sqz_hw.fixed_point import ROUNDINGS, SATURATIONS, FixedPoint
from sqz_hw.verify.adversarial import first_layer_extremes, patterns
from sqz_hw.verify.compiler import CPP, compile_project, find_compiler
from sqz_hw.verify.csim import simulate
from sqz_hw.verify.vectors import made_images

AP_TYPES = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
PROGRAM = Path(__file__).with_name("fast_types_truth.cpp")
MODES = list(itertools.product(ROUNDINGS, SATURATIONS))
WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 18, 24, 31, 32, 33, 40)


def random_type(rng, modes=None, widths=WIDTHS):
    width = rng.choice(widths)
    integer = rng.choice([0, width, width // 2, rng.randint(-6, width + 6), rng.randint(-6, width + 6)])
    modes = modes or (rng.choice(ROUNDINGS), rng.choice(SATURATIONS))
    return FixedPoint(width, integer, rng.random() < 0.5, *modes)


def bit_patterns():
    """The extremes of every width and their neighbours and halves, small numbers, and noise, well mixed."""
    rng = random.Random(1)  # noqa: S311
    found = set(range(-20, 20)) | {rng.getrandbits(64) - 2**63 >> rng.randrange(64) for _ in range(300)}
    for bit in range(42):
        found |= {(1 << bit) + near for near in (-1, 0, 1)} | {-(1 << bit), (3 << bit >> 1)}
    mixed = sorted(found)
    rng.shuffle(mixed)
    return np.array(mixed, np.int64)


def full(to):
    ap = f"ap_{'' if to.signed else 'u'}fixed<{to.width}, {to.integer}, AP_{to.rounding}, AP_{to.saturation}>"
    return f"Type<{ap}, {str(to.signed).lower()}, {to.integer}>"


def whole(width, *, signed):
    return f"Type<ap_{'' if signed else 'u'}int<{width}>, {str(signed).lower()}, {width}>"


def check(lines, folder):
    """Compile and run ``(macro, type, type)`` with both libraries."""
    text = [
        f"typedef {a} a_{i};\ntypedef {b} b_{i};\n{macro}(a_{i}, b_{i})\n"
        for i, (macro, a, b) in enumerate(lines)
    ]
    (folder / "pairs.inc").write_text("".join(text))
    outputs = []
    for name, includes in (("bundled", [AP_TYPES]), ("fast", [CPP / "fast_types", AP_TYPES])):
        # NDEBUG: the library's own assertion on a bit beyond the first one, which it then drops.
        options = ["-O0", "-w", "-std=c++17", "-DNDEBUG", f"-I{folder}", *(f"-I{path}" for path in includes)]
        program = folder / name
        subprocess.run([find_compiler(), *options, str(PROGRAM), "-o", str(program)], check=True)
        raw = subprocess.run(
            [program], input=bit_patterns().tobytes(), capture_output=True, check=True
        ).stdout
        outputs.append(np.frombuffer(raw, np.uint64))
    bundled, fast = outputs
    for line in lines:
        end = 1 + int(bundled[0])
        assert end > 100
        one, other = bundled[1:end].reshape(-1, 2), fast[1:end].reshape(-1, 2)
        different = np.flatnonzero((one != other).any(axis=1))
        where = [(int(one[i, 1]), hex(one[i, 0]), hex(other[i, 0])) for i in different[:5]]
        assert not where, f"{line}: {different.size} results differ (line, bundled, fast): {where}"
        assert fast[0] == bundled[0]
        bundled, fast = bundled[end:], fast[end:]
    assert not bundled.size
    assert not fast.size


def random_lines(rng, count, modes):
    lines = []
    for i in range(count):
        source, to = random_type(rng), random_type(rng, modes[i % len(modes)])
        while source.width + to.width > 70:
            source = random_type(rng)
        lines.append(("FIXED", full(source), full(to)))
    return lines


def test_every_mode_agrees_with_the_library(tmp_path):
    check(random_lines(random.Random(3), len(MODES), MODES), tmp_path)  # noqa: S311


def test_the_types_of_the_kernels_agree_with_the_library(tmp_path):
    pixel, weight, accum = FixedPoint(8, 0, False), FixedPoint(6, -1, True), FixedPoint(17, 6, True)
    active = FixedPoint(6, 2, False, "RND_CONV", "SAT")
    lines = [
        ("FIXED", full(a), full(b)) for a, b in itertools.product((pixel, weight, accum, active), repeat=2)
    ]
    lines += [
        ("WHOLE", whole(a, signed=s), whole(b, signed=t))
        for a, b, s, t in ((8, 8, True, True), (4, 10, False, True), (9, 3, True, False), (1, 1, True, True),
                           (16, 16, False, False), (33, 20, True, True))
    ]  # fmt: skip
    check(lines, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_random_types_agree_with_the_library(seed, tmp_path):
    rng = random.Random(200 + seed)  # noqa: S311
    lines = random_lines(rng, 80, rng.sample(MODES, len(MODES)))
    lines += [
        ("WHOLE", *(whole(rng.choice(WIDTHS[:-3]), signed=rng.random() < 0.5) for _ in range(2)))
        for _ in range(20)
    ]
    check(lines, tmp_path)


REFUSED = {
    "ap_int<8> x = 0.5;": "cannot be made from a real number",
    "int x = ap_fixed<8, 0>(0.5).to_int();": "cannot be converted to an integer",
    "ap_int<8> x = ap_fixed<8, -1>(0.1);": "cannot be converted to an integer",
    "bool x = ap_fixed<8, 8>(1) < ap_ufixed<32, 32>(1);": "cannot be compared",
    "ap_fixed<127, 3> x = 1;": "must have 1 to 126 bits",
    "auto x = ap_fixed<64, 3>(1) * ap_fixed<64, 3>(1);": "must have 1 to 126 bits",
    "ap_fixed<8, 3, AP_TRN, AP_WRAP_SM> x = 1;": "AP_WRAP_SM is not supported",
    "ap_fixed<8, 3, AP_TRN, AP_WRAP, 1> x = 1;": "saturation bits",
    "ap_fixed<65, 3> x = 1; double y = x.to_double();": "must have at most 64 bits",
    "auto x = ap_fixed<8, 3>(1) * 0.5;": "no match for",
    "auto x = ap_fixed<8, 3>(1) % ap_fixed<8, 3>(1);": "% is for ap_int",
    "auto x = ap_int<8>(-3) / ap_uint<8>(2);": "both are signed or both unsigned",
    "auto x = ap_int<8>(-3) % 2u;": "two signed or two unsigned",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_would_be_computed_differently_does_not_compile(line, tmp_path):
    source = tmp_path / "refused.cpp"
    source.write_text(f'#include "ap_fixed.h"\nvoid refused() {{ {line} }}\n')
    command = [find_compiler(), "-std=c++17", "-fsyntax-only", f"-I{CPP / 'fast_types'}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode
    assert REFUSED[line] in done.stderr


def test_the_bundled_types_cannot_be_mixed_in(tmp_path):
    source = tmp_path / "mixed.cpp"
    source.write_text(f'#include "{AP_TYPES / "ap_fixed.h"}"\n#include <ap_int.h>\n')
    includes = [f"-I{CPP / 'fast_types'}", f"-I{AP_TYPES}"]
    command = [find_compiler(), "-std=c++17", "-fsyntax-only", *includes, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "the bundled ap types were included first" in done.stderr


def test_a_project_gives_the_same_codes_on_every_stream(project, tmp_path):
    design = Design.from_json((project.folder / "csim" / "design.json").read_text())
    size = project.model.architecture.input_size
    images = np.concatenate([made_images(size, 10, 7).x, patterns(size, 1), first_layer_extremes(design)])
    hls = project.folder / "hls"
    slow, fast = (compile_project(hls, tmp_path / str(kind), fast=kind) for kind in (False, True))
    traces = [simulate(s, design, images, tmp_path / f"run{i}") for i, s in enumerate((slow, fast))]
    for a, b in zip(*traces, strict=True):
        assert a.codes.keys() == b.codes.keys() == {s.name for s in design.streams}
        for name in a.codes:
            np.testing.assert_array_equal(a.codes[name], b.codes[name])


def test_the_stamp_knows_the_types(project, tmp_path):
    folder = shutil.copytree(project.folder / "csim", tmp_path / "csim")
    hls = project.folder / "hls"
    assert not compile_project(hls, folder).compiled
    assert compile_project(hls, folder, fast=True).compiled
    assert not compile_project(hls, folder, fast=True).compiled
