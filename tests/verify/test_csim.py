"""C-simulation: recording, workers, faults, and planted errors that it must find."""

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from sqz_hw.design import Design
from sqz_hw.errors import OutputsDifferError, ToolError
from sqz_hw.hls.convert import qkeras_network
from sqz_hw.model.tensors import reference_tensors
from sqz_hw.verify.adversarial import first_layer_extremes
from sqz_hw.verify.compare import by_stream
from sqz_hw.verify.compiler import Simulator, compile_project, compile_testbench
from sqz_hw.verify.csim import simulate
from sqz_hw.verify.golden import GoldenModel
from sqz_hw.verify.run import verify
from sqz_hw.verify.vectors import made_images


@pytest.fixture(scope="module")
def design(project):
    return Design.from_json((project.folder / "csim" / "design.json").read_text())


@pytest.fixture(scope="module")
def images(project):
    return np.load(project.folder / "csim" / "inputs.npy")


@pytest.fixture
def simulator(project):
    return Simulator(project.folder / "csim" / "simulate", project.folder / "hls", compiled=False)


def children():
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if re.match(r"\S*/simulate ", line)]


def test_the_number_of_workers_changes_nothing(simulator, design, images, tmp_path):
    one = [t.codes for t in simulate(simulator, design, images, tmp_path / "1", workers=1)]
    three = [t.codes for t in simulate(simulator, design, images, tmp_path / "3", workers=3)]
    for a, b in zip(one, three, strict=True):
        assert a.keys() == b.keys() == {s.name for s in design.streams}
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_the_input_stream_holds_the_pixels(simulator, design, images, tmp_path):
    for trace in simulate(simulator, design, images[:2], tmp_path):
        np.testing.assert_array_equal(trace.codes[design.input.name], images[trace.image])


def test_stopping_half_way_leaves_no_process(simulator, design, images, tmp_path):
    traces = simulate(simulator, design, images, tmp_path, workers=2)
    next(traces)
    traces.close()
    assert not [line for line in children() if str(simulator.program) in line]


def test_a_stream_with_fewer_words_than_its_shape_is_a_fault(simulator, design, images, tmp_path):
    first = design.streams[1]
    longer = replace(first, shape=(first.shape[0] + 1, *first.shape[1:]))
    wrong = replace(design, streams=(design.streams[0], longer, *design.streams[2:]))
    with pytest.raises(ToolError, match=rf"broke off at image 0: stream {first.name} was written less often"):
        list(simulate(simulator, wrong, images[:1], tmp_path))


def test_a_missing_program_is_said(design, images, tmp_path):
    gone = Simulator(tmp_path / "simulate", tmp_path, compiled=False)
    with pytest.raises(ToolError, match=r"could not be started .*; build the project again"):
        list(simulate(gone, design, images[:1], tmp_path))


def test_same_sources_are_not_compiled_again(project, tmp_path):
    csim = shutil.copytree(project.folder / "csim", tmp_path / "csim")
    assert not compile_project(project.folder / "hls", csim).compiled


def planted(project, tmp_path, change, images=None):
    """A copy of the project with a change in its sources, verified against the unchanged model."""
    folder = shutil.copytree(project.folder, tmp_path / "planted")
    change(folder / "hls" / "firmware")
    design = Design.from_json((folder / "csim" / "design.json").read_text())
    simulator = compile_project(folder / "hls", folder / "csim")
    if images is None:
        images = made_images(project.model.architecture.input_size, 10, 1).x
    engines = {
        "qkeras": (by_stream(design, t) for t in reference_tensors(qkeras_network(project.model), images)),
        "golden": (trace.codes for trace in GoldenModel(design).traces(images)),
    }
    return design, verify(simulator, design, images, engines, folder / "csim")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def nudge(project, design, suffix, lsbs):
    """A change of one weight of fire2_expand3x3 by some LSBs, in one of the two files that hold it."""
    layer, conv = next((x, c) for x, c in design.convolutions if x.name == "fire2_expand3x3")
    index = layer.outputs[0].removesuffix("_out").removeprefix("layer")
    place = int(np.flatnonzero(np.moveaxis(conv.weights, -1, 0).reshape(-1))[0])

    def change(firmware):
        path = firmware / "weights" / f"w{index}.{suffix}"
        before, rest = path.read_text().rpartition("{")[::2] if suffix == "h" else ("", path.read_text())
        values = rest.split(", ")
        values[place] = repr(float(values[place]) + lsbs * conv.weight_type.lsb)
        path.write_text(before + ("{" if suffix == "h" else "") + ", ".join(values))

    return change


def test_a_wrong_weight_is_found_in_its_layer(project, design, tmp_path):
    _, outcome = planted(project, tmp_path, nudge(project, design, "txt", 24))
    first = outcome.comparison.first_difference()
    assert first is not None
    assert first.name == "fire2_expand3x3"
    assert first.where.sum() == first.mismatches > 0
    assert outcome.picture is not None
    assert outcome.picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(
        OutputsDifferError,
        match=r"must equal qkeras and golden in every layer, and differs first in fire2_expand3x3: ",
    ):
        outcome.require_bit_exact()


@pytest.mark.parametrize("suffix", ["txt", "h"])
def test_one_weight_off_by_one_lsb_is_found_whatever_the_outputs_say(project, design, tmp_path, suffix):
    """Rounding to six bits may hide it from ten images; the vendor's tool reads the .h alone."""
    _, outcome = planted(project, tmp_path, nudge(project, design, suffix, 1))
    assert re.search(
        rf"weights/w\d+\.{suffix} of fire2_expand3x3 has 1 of \d+ values that are not the design's",
        outcome.weights,
    )
    with pytest.raises(OutputsDifferError, match="fire2_expand3x3"):
        outcome.require_bit_exact()


def test_swapped_concatenation_is_found_in_its_layer(project, tmp_path):
    def change(firmware):
        path = firmware / "myproject.cpp"
        text = path.read_text()
        found = re.search(
            r"concatenate3d<(\w+), (\w+), (\w+), (\w+)>\((\w+), (\w+), (\w+)\); // fire2_concat", text
        )
        a, b, out, config, x, y, z = found.groups()
        swapped = f"concatenate3d<{b}, {a}, {out}, {config}>({y}, {x}, {z}); // fire2_concat"
        path.write_text(text.replace(found[0], swapped))

    _, outcome = planted(project, tmp_path, change)
    assert outcome.comparison.first_difference().name == "fire2_concat"


def test_a_wrong_rounding_mode_is_found_in_its_layer(project, design, tmp_path):
    layer = design.layer("fire2_squeeze1x1")
    wanted = f"ap_ufixed<{layer.out_type.width},{layer.out_type.integer},AP_RND_CONV,AP_SAT,0>"
    index = layer.outputs[0].removesuffix("_out")

    def change(firmware):
        text = (firmware / "defines.h").read_text()
        line = next(x for x in text.splitlines() if x.endswith(f" {index}_t;"))
        assert wanted in line
        edit(firmware / "defines.h", line, line.replace("AP_RND_CONV", "AP_TRN"))

    _, outcome = planted(project, tmp_path, change)
    assert outcome.comparison.first_difference().name == "fire2_squeeze1x1"
    assert outcome.comparison.first_difference().max_abs_error_lsb == 1


def test_an_accumulator_one_bit_short_is_found_by_adversarial_images(project, design, tmp_path):
    """Photographs need not reach the top bit; images made from the signs of the weights do."""
    layer, conv = design.convolutions[0]
    to = conv.accum_type

    def change(firmware):
        text = (firmware / "defines.h").read_text()
        line = next(x for x in text.splitlines() if x.endswith(f" {layer.name}_accum_t;"))
        assert f"<{to.width},{to.integer}" in line
        edit(firmware / "defines.h", line, line.replace(f"<{to.width},", f"<{to.width - 1},").replace(
            f",{to.integer}", f",{to.integer - 1}", 1))  # fmt: skip

    _, outcome = planted(project, tmp_path, change, first_layer_extremes(design))
    first = outcome.comparison.first_difference()
    assert first.name == layer.name
    assert (first.first.wanted, first.first.given) == (
        layer.out_type.max_code,
        0,
    )  # wraps below zero, and is clipped


def test_a_pooling_window_shifted_by_one_is_found_in_its_layer(project, tmp_path):
    def change(firmware):
        kernel = firmware / "nnet_utils" / "sqz_pooling_stream.h"
        edit(kernel, "data_T left, middle;", "data_T before, left, middle;")
        edit(
            kernel,
            "row_max[c] = pair > pixel[c] ? pair : pixel[c];",
            "row_max[c] = pair > before[c] ? pair : before[c];",
        )
        edit(kernel, "            left = middle;", "            before = left;\n            left = middle;")

    _, outcome = planted(project, tmp_path, change)
    assert outcome.comparison.first_difference().name == "pool1"


def test_a_compile_error_is_one_line_with_the_compilers_own_words(project, tmp_path):
    hls = shutil.copytree(project.folder / "hls", tmp_path / "hls")
    (hls / "firmware" / "myproject.cpp").write_text("int main( {")
    with pytest.raises(ToolError, match=r"g\+\+ failed with exit code 1: .*error") as caught:
        compile_project(hls, tmp_path / "csim")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "csim" / "simulate").exists()


def test_no_compiler_on_the_path(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"needs g\+\+ on the PATH, and there is none; install it"):
        compile_project(project.folder / "hls", tmp_path / "csim")


def test_hls4mls_own_test_bench_agrees(project, tmp_path):
    """Compiled with the vendor's stream header, run on its own data: six significant digits."""
    hls = shutil.copytree(project.folder / "hls", tmp_path / "hls")
    compile_testbench(hls, tmp_path / "bench")
    subprocess.run([tmp_path / "bench"], cwd=hls, check=True, capture_output=True)
    got = np.loadtxt(hls / "tb_data" / "csim_results.log", ndmin=2)
    wanted = np.loadtxt(hls / "tb_data" / "tb_output_predictions.dat", ndmin=2)
    assert got.shape == wanted.shape == (10, project.model.architecture.classes)
    assert np.ptp(wanted) > 0
    np.testing.assert_allclose(got, wanted, rtol=1e-5)
