"""Faults planted in the files of a project, one at a time."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from sqz_hw.design import Design
from sqz_hw.verify.weight_files import weight_fault


@pytest.fixture(scope="module")
def design(project):
    return Design.from_json((project.folder / "csim" / "design.json").read_text())


@pytest.fixture
def hls(project, tmp_path):
    """A copy of the sources that a test may change."""
    shutil.copytree(project.folder / "hls" / "firmware", tmp_path / "hls" / "firmware")
    return tmp_path / "hls"


def stored(design, name, what="w"):
    """(file without its suffix, values as they are stored, their LSB) of one convolution."""
    layer = design.layer(name)
    index = layer.outputs[0].removeprefix("layer").removesuffix("_out")
    codes, type_ = (
        (np.moveaxis(layer.conv.weights, -1, 0).reshape(-1), layer.conv.weight_type)
        if what == "w"
        else (layer.conv.bias, layer.conv.bias_type)
    )
    return f"{what}{index}", codes * type_.lsb, type_.lsb


def body(path):
    """Text before, the values, and text after them."""
    text = path.read_text()
    if path.suffix == ".txt":
        return "", text.rstrip("\n").split(","), ""
    before, _, rest = text.partition("] = {")
    values, _, after = rest.partition("}")
    return before + "] = {", values.split(","), "}" + after


def change(hls, name, suffix, edit):
    """Lets a function change the list of a file's values."""
    path = hls / "firmware" / "weights" / f"{name}.{suffix}"
    before, values, after = body(path)
    edit(values)
    path.write_text(before + ",".join(values) + after)


def test_a_project_as_it_was_built_has_none(hls, design):
    assert weight_fault(hls, design) is None


@pytest.mark.parametrize("suffix", ["txt", "h"])
@pytest.mark.parametrize("what", ["w", "b"])
@pytest.mark.parametrize("lsbs", [1, -1])
def test_one_lsb_in_one_value_is_found(hls, design, suffix, what, lsbs):
    name, values, lsb = stored(design, "fire2_expand3x3", what)
    place = len(values) // 2

    def nudge(texts):
        texts[place] = repr(float(texts[place]) + lsbs * lsb)

    change(hls, name, suffix, nudge)
    assert weight_fault(hls, design) == (
        f"weights/{name}.{suffix} of fire2_expand3x3 has 1 of {len(values):,} values that are not the "
        f"design's, first number {place}: wanted {float(values[place])!r}, "
        f"given {float(values[place] + lsbs * lsb)!r}"
    )


def test_every_value_of_every_file_counts(hls, design):
    """The design's weights changed instead, each convolution's first and last."""
    for layer, conv in design.convolutions:
        for place in ((0, 0, 0, 0), (-1, -1, -1, -1)):
            weights = conv.weights.copy()
            weights[place] += 1
            layers = tuple(
                replace(la, conv=replace(conv, weights=weights)) if la is layer else la
                for la in design.layers
            )
            fault = weight_fault(hls, replace(design, layers=layers))
            assert fault is not None
            assert f"of {layer.name} has 1 of" in fault


@pytest.mark.parametrize("suffix", ["txt", "h"])
@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_found(hls, design, suffix, text):
    last = design.convolutions[-1][0].name
    name, values, _ = stored(design, last)
    change(hls, name, suffix, lambda texts: texts.__setitem__(3, text))
    assert weight_fault(hls, design) == (
        f"weights/{name}.{suffix} of {last} has 1 of {len(values):,} values that are not the design's, "
        f"first number 3: wanted {float(values[3])!r}, given {text}"
    )


def test_several_are_counted(hls, design):
    name, values, lsb = stored(design, "conv1")

    def nudge(texts):
        for place in (5, 9):
            texts[place] = repr(values[place] + lsb)

    change(hls, name, "h", nudge)
    assert re.match(rf"weights/{name}\.h of conv1 has 2 of .* first number 5: ", weight_fault(hls, design))


@pytest.mark.parametrize("suffix", ["txt", "h"])
@pytest.mark.parametrize("change_", ["shorter", "longer"])
def test_a_file_of_another_length_is_found(hls, design, suffix, change_):
    name, values, _ = stored(design, "fire2_squeeze1x1", "b")
    change(hls, name, suffix, lambda texts: texts.pop() if change_ == "shorter" else texts.append("0"))
    count = len(values) + (-1 if change_ == "shorter" else 1)
    assert weight_fault(hls, design) == (
        f"weights/{name}.{suffix} of fire2_squeeze1x1 must hold {len(values)} values, not {count}"
    )


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("txt", None), ("h", None), ("txt", b""), ("h", b""), ("txt", b"1, two, 3"), ("txt", b"\xff\xfe1"),
        ("h", b"#else\nno braces"), ("h", b"#ifndef W\n#endif {1, 2}"), ("txt", b"1,,2"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_found(hls, design, suffix, content):
    name, values, _ = stored(design, "conv1")
    path = hls / "firmware" / "weights" / f"{name}.{suffix}"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert weight_fault(hls, design) == (
        f"weights/{name}.{suffix} of conv1 must hold {len(values):,} values, not none that can be read"
    )


def test_a_layer_that_is_missing_is_found(hls, design):
    path = hls / "firmware" / "myproject.cpp"
    path.write_text(path.read_text().replace("// fire3_expand1x1\n", "// fire3_expand1x7\n"))
    assert weight_fault(hls, design) == "firmware/myproject.cpp has no convolution fire3_expand1x1"


def test_layers_whose_weights_are_swapped_are_found(hls, design):
    """Both files are right, and each is read by the wrong layer."""
    path = hls / "firmware" / "myproject.cpp"
    one, other = (stored(design, f"fire2_expand{side}x{side}", "b")[0] for side in (1, 3))
    text = path.read_text()
    swapped = re.sub(rf"\b({one}|{other})\);", lambda m: f"{other if m[1] == one else one});", text)
    assert swapped != text
    path.write_text(swapped)
    assert re.match(
        rf"weights/{other}\.txt of fire2_expand1x1 has .* not the design's", weight_fault(hls, design)
    )


def test_sources_that_cannot_be_read_are_found(hls, design):
    (hls / "firmware" / "myproject.cpp").unlink()
    assert weight_fault(hls, design) == "firmware/myproject.cpp cannot be read (No such file or directory)"
    (hls / "firmware" / "myproject.cpp").mkdir()
    assert weight_fault(hls, design) == "firmware/myproject.cpp cannot be read (Is a directory)"
