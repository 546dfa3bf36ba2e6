"""Conversion: what ends up in the project is the model, and computes it bit for bit."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import hls4ml
import numpy as np
import pytest
import yaml
from models import random_model, tiny_architecture

from sqz_hw.decisions import Decisions
from sqz_hw.design import Design, Op
from sqz_hw.errors import BadInputError, ModelFileError, ToolError
from sqz_hw.estimate.reuse import legal_reuse_factors
from sqz_hw.flow import build
from sqz_hw.hls import hls4ml_compat
from sqz_hw.hls.convert import ConversionOptions, convert
from sqz_hw.hls.extension import bind_multipliers
from sqz_hw.hls.graph_design import design_of
from sqz_hw.hls.project import write_project
from sqz_hw.model.architecture import V1_1
from sqz_hw.model.modelfile import save
from sqz_hw.report.write import read
from sqz_hw.settings import BuildSettings

PART = "xc7z020clg400-1"


@pytest.fixture(scope="module")
def design(project):
    return Design.from_json((project.folder / "csim" / "design.json").read_text())


def numbers(text):
    return np.array(re.findall(r"-?\d+\.?\d*(?:e[-+]?\d+)?", text), float)


def test_weights_in_the_headers_and_in_the_texts_are_the_models(project, design):
    """Synthesis reads the .h files, C-simulation the .txt files: both must be the model."""
    folder = project.folder / "hls" / "firmware" / "weights"
    specs = {s.safe_name: s.name for s in project.model.architecture.convolutions}
    assert len(design.convolutions) == len(specs)
    for layer, conv in design.convolutions:
        index = layer.outputs[0].removeprefix("layer").removesuffix("_out")
        for letter, what, held, to in (
            ("w", "kernel", conv.weights, conv.weight_type),
            ("b", "bias", conv.bias, conv.bias_type),
        ):
            codes = project.model.codes(f"{specs[layer.name]}/{what}")
            np.testing.assert_array_equal(held, codes)
            stored = np.moveaxis(codes, -1, 0).reshape(-1) * to.lsb
            text = (folder / f"{letter}{index}.txt").read_text()
            header = (folder / f"{letter}{index}.h").read_text()
            np.testing.assert_array_equal(numbers(text), stored)
            np.testing.assert_array_equal(numbers(header.partition("] = {")[2].partition("}")[0]), stored)


def test_reuse_factors_in_the_project_are_legal_and_those_decided(project, design):
    text = (project.folder / "hls" / "firmware" / "parameters.h").read_text()
    block = r"struct config\d+_mult : nnet::dense_config \{\s*static const unsigned n_in = (\d+);"
    block += r"\s*static const unsigned n_out = (\d+);\s*static const unsigned reuse_factor = (\d+);"
    block += r".*?using kernel = nnet::(\w+)<"
    emitted = [(int(i), int(o), int(rf), kernel) for i, o, rf, kernel in re.findall(block, text, re.DOTALL)]
    decided = [(conv.n_in, conv.n_out, conv.reuse_factor) for _, conv in design.convolutions]
    assert sorted(e[:3] for e in emitted) == sorted(decided)
    assert max(rf for _, _, rf in decided) > 1
    for n_in, n_out, rf, kernel in emitted:
        assert rf in legal_reuse_factors(n_in, n_out)
        assert kernel == ("DenseResource_rf_leq_nin" if rf <= n_in else "DenseResource_rf_gt_nin_rem0")


def test_stream_depths_in_the_project_are_those_decided(project, design):
    text = (project.folder / "hls" / "firmware" / "myproject.cpp").read_text()
    emitted = dict(re.findall(r"#pragma HLS STREAM variable=(\w+) depth=(\d+)", text))
    inner = [s for s in design.streams if s.source and s.sink]
    assert {s.name: str(s.depth) for s in inner} == emitted
    assert any(s.depth < s.words for s in inner)


def test_nothing_can_wrap_in_the_global_sum(design):
    layer = next(x for x in design.layers if x.op is Op.GLOBAL_SUM)
    height, width, _ = layer.in_shape
    pixel = design.stream(layer.inputs[0]).type
    assert layer.out_type.max_code >= height * width * pixel.max_code


def test_same_inputs_same_bytes(project, tmp_path):
    settings = BuildSettings(
        part="pynq-z2", model=str(project.model_path), images=10, output=tmp_path / "elsewhere" / "again"
    )
    again = build(settings)
    for part in ("hls", "report"):
        assert contents(project.folder / part) == contents(again.folder / part)


def contents(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_no_path_of_this_machine_in_the_project(project):
    for part in ("hls", "report"):
        for path in (project.folder / part).rglob("*"):
            if path.is_file():
                text = path.read_bytes()
                assert str(project.folder.parent).encode() not in text, path
                assert str(Path.home()).encode() + b"/" not in text, path
    config = yaml.safe_load((project.folder / "hls" / "hls4ml_config.yml").read_text())
    assert config["OutputDir"] == "."


VARIANTS = {
    "stride 2 without padding, ceil pooling, odd maps, Vivado": (
        tiny_architecture(
            name="valid", input_size=19, conv1_stride=2, conv1_padding=0, pools_after=(1, 3),
            bypass="none", pct3x3=0.25, conv10_padding=1,
        ),
        {"backend": "Vivado"},
    ),
    "complex bypass, a map of 5x5, arg max": (
        tiny_architecture(name="complex", input_size=10, bypass="complex", classes=5),
        {"result": "argmax"},
    ),
    "floor pooling of an even map": (
        tiny_architecture(name="floor", input_size=12, ceil_pooling=False, pools_after=(1, 2)),
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_bit_exact_in_every_layer(variant, tmp_path):
    arch, options = VARIANTS[variant]
    save(random_model(arch, seed=7), tmp_path / "m.safetensors")
    settings = BuildSettings(
        part="xc7z020", model=str(tmp_path / "m.safetensors"), images=12, output=tmp_path / "out", **options
    )
    built = build(settings)
    report = read(built.folder / "report" / "report.json")
    assert report["verification"]["bit_exact"] is True
    assert report["verification"]["not_compared"] == []
    design = Design.from_json((built.folder / "csim" / "design.json").read_text())
    assert {row["name"] for row in report["verification"]["layers"]} == {
        design.input.name,
        *(layer.name for layer in design.layers),
    }
    outputs = np.load(built.folder / "csim" / "outputs.npy")
    if options.get("result") == "argmax":
        assert outputs.shape == (12, 1)
        assert set(outputs.reshape(-1)) <= set(range(arch.classes))
    else:
        assert outputs.shape == (12, arch.classes)
        assert len(np.unique(outputs)) > 2


def test_sums_beyond_float32_are_compared_in_float64(tmp_path):
    """Twelve-bit weights and activations: float32 would round, so QKeras's reference is float64."""
    save(
        random_model(tiny_architecture(name="wide"), weight_bits=12, activation_bits=12),
        tmp_path / "m.safetensors",
    )
    built = build(
        BuildSettings(
            part="xc7z020", model=str(tmp_path / "m.safetensors"), images=10, output=tmp_path / "out"
        )
    )
    verification = read(built.folder / "report" / "report.json")["verification"]
    assert "fire2_expand3x3" in verification["float64_layers"]
    assert verification["bit_exact"] is True


@pytest.mark.slow
def test_full_width_v1_1_with_random_weights_is_bit_exact(tmp_path):
    arch = replace(V1_1, input_size=64, classes=20)
    save(random_model(arch), tmp_path / "m.safetensors")
    settings = BuildSettings(
        part="xcvu9p", model=str(tmp_path / "m.safetensors"), images=2, output=tmp_path / "out"
    )
    assert build(settings).report.verification.bit_exact


def test_a_float_model_is_refused(tiny_model):
    plain = replace(tiny_model, quantisation=None)
    with pytest.raises(
        ModelFileError, match="hardware needs a quantised model, and tiny is a float one; quantise it first"
    ):
        convert(plain, ConversionOptions(PART), Decisions(), Path("nowhere"))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"backend": "Quartus"}, "the backend must be one of Vitis, Vivado, not 'Quartus'"),
        ({"clock_mhz": 0.0}, "the clock must be between 1 and 1000 MHz, not 0.0"),
        ({"result": "softmax"}, "the result must be scores or argmax, not 'softmax'"),
    ],
)
def test_illegal_options_are_refused(options, text):
    with pytest.raises(BadInputError, match=re.escape(text)):
        ConversionOptions(PART, **options)


def test_another_hls4ml_is_refused(monkeypatch):
    monkeypatch.setattr(hls4ml_compat.hls4ml, "__version__", "9.9.9")
    with pytest.raises(
        ToolError, match=r"hls4ml must be version 1\.3\.0, not 9\.9\.9; run 'make venv' again"
    ):
        hls4ml_compat.check_version()


def test_a_project_folder_that_cannot_be_written(tiny_model, tmp_path):
    (tmp_path / "file").write_text("")
    graph = convert(tiny_model, ConversionOptions(PART), Decisions(), tmp_path / "hls")
    with pytest.raises(BadInputError, match=r"cannot be written .*; choose another --output, or make room"):
        write_project(graph, tmp_path / "file" / "hls")


def test_a_1x1_convolution_with_a_stride_is_refused(tmp_path):
    """Its C-simulation stops, since every row is written. A stride of 1, and a 3x3 with one, are written."""
    arch = replace(tiny_architecture(), conv1_kernel=1, conv1_stride=2, conv1_padding=0)
    graph = convert(random_model(arch), ConversionOptions(PART), Decisions(), tmp_path / "hls")
    with pytest.raises(
        BadInputError,
        match=r"layer conv1: HLS C\+\+ needs a stride of 1 for a 1x1 kernel, not 2 .*; use a larger kernel",
    ):
        write_project(graph, tmp_path / "hls")
    assert not (tmp_path / "hls").exists()
    for kernel, stride in ((1, 1), (3, 2)):
        fine = replace(arch, conv1_kernel=kernel, conv1_stride=stride)
        graph = convert(random_model(fine), ConversionOptions(PART), Decisions(), tmp_path / "hls")
        write_project(graph, tmp_path / f"{kernel}")


@pytest.mark.parametrize("backend", ["vitis", "vivado"])
def test_hls4ml_strides_a_row_of_taps_along_rows_only(backend):
    """Fails when upstream has mended it: then 1x1 convolutions with a stride can be had."""
    header = Path(hls4ml.__file__).parent / "templates" / backend / "nnet_utils" / "nnet_conv2d_stream.h"
    assert "compute_output_buffer_1d" in header.read_text()


def test_layers_without_decisions_keep_hls4mls_depths(tiny_model, tmp_path):
    """A whole feature map a stream: what the decisions save is measured against this."""
    graph = convert(tiny_model, ConversionOptions(PART), Decisions(), tmp_path / "hls")
    plain = design_of(graph, tiny_model, name="x", part="xc7z020", clock_mhz=100.0)
    assert all(stream.depth == stream.words for stream in plain.streams)


PRODUCTS = {"dsp": "mult_dsp", "lut": "mult_lut", "auto": "mult"}
STORAGE_PRAGMAS = {
    "Vitis": {
        "srl": "#pragma HLS BIND_STORAGE variable={} type=fifo impl=srl",
        "bram": "#pragma HLS BIND_STORAGE variable={} type=fifo impl=bram",
    },
    "Vivado": {
        "srl": "#pragma HLS RESOURCE variable={} core=FIFO_SRL",
        "bram": "#pragma HLS RESOURCE variable={} core=FIFO_BRAM",
    },
}
"""As UG1399 (BIND_STORAGE) and UG902 (RESOURCE) have them."""


def in_turn(names, values):
    return {name: values[i % len(values)] for i, name in enumerate(names)}


@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
def test_products_and_fifos_are_placed_where_decided(backend, tiny_model, tmp_path):
    """Each layer's product and each stream's pragma, in the C++ that is emitted."""
    options = ConversionOptions(PART, backend)
    plain = design_of(
        convert(tiny_model, options, Decisions(), tmp_path / "hls"),
        tiny_model, name="x", part="xc7z020", clock_mhz=100.0,
    )  # fmt: skip
    streams = [stream.name for stream in plain.streams]
    decisions = Decisions(
        fifo_depths=in_turn(streams, [3, 40]),
        multipliers=in_turn([layer.name for layer, _ in plain.convolutions], ["dsp", "lut", "auto"]),
        fifo_storage=in_turn(streams, ["srl", "bram", "auto"]),
    )
    graph = convert(tiny_model, options, decisions, tmp_path / "hls")
    decided = design_of(graph, tiny_model, name="x", part="xc7z020", clock_mhz=100.0)
    assert {s.name: s.storage for s in decided.streams} == decisions.fifo_storage
    assert {layer.name: conv.multiplier for layer, conv in decided.convolutions} == decisions.multipliers
    write_project(graph, tmp_path / "hls")
    firmware = tmp_path / "hls" / "firmware"
    source = (firmware / "myproject.cpp").read_text()
    lines = [line.strip() for line in source.splitlines()]

    ports = {plain.input.name, plain.output.name}
    bound = 0
    for name, storage in decisions.fifo_storage.items():
        about = [i for i, line in enumerate(lines) if re.match(rf"#pragma HLS .*\bvariable={name}\b", line)]
        if name in ports:
            assert about == []
            continue
        wanted = [f"#pragma HLS STREAM variable={name} depth={decisions.fifo_depths[name]}"]
        if storage != "auto":
            wanted.append(STORAGE_PRAGMAS[backend][storage].format(name))
            bound += 1
        assert [lines[i] for i in about] == wanted
        assert about == list(range(about[0], about[0] + len(about))), "next to each other"
    assert len(re.findall("BIND_STORAGE|HLS RESOURCE", source)) == bound > 5

    parameters = (firmware / "parameters.h").read_text()
    config = (
        r"struct config(\d+)_mult : nnet::dense_config \{.*?using product = nnet::product::(\w+)<x_T, y_T>;"
    )
    emitted = dict(re.findall(config, parameters, re.DOTALL))
    indices = {layer.name: layer.outputs[0][len("layer") : -len("_out")] for layer, _ in plain.convolutions}
    assert emitted == {indices[name]: PRODUCTS[where] for name, where in decisions.multipliers.items()}
    assert '#include "nnet_utils/sqz_mult.h"' in parameters
    header = (firmware / "nnet_utils" / "sqz_mult.h").read_text()
    for product, vitis, vivado in (("mult_dsp", "dsp", "DSP48"), ("mult_lut", "fabric", "Mul_LUT")):
        body = header.partition(f"class {product} ")[2].partition("return p;")[0]
        before, _, rest = body.partition("#ifdef __VITIS_HLS__")
        assert f"#pragma HLS BIND_OP variable=p op=mul impl={vitis}\n" in rest.partition("#else")[0]
        assert f"#pragma HLS RESOURCE variable=p core={vivado}\n" in rest.partition("#else")[2]
        assert "decltype(a * w) p = a * w;" in before


@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
def test_one_kernel_for_all_convolutions_and_no_process_for_a_relu(backend, tiny_model, tmp_path):
    """hls4ml's pointwise kernel takes another product; a ReLU is the cast of the layer before it."""
    graph = convert(tiny_model, ConversionOptions(PART, backend), Decisions(), tmp_path / "hls")
    write_project(graph, tmp_path / "hls")
    source = (tmp_path / "hls" / "firmware" / "myproject.cpp").read_text()
    calls = re.findall(r"nnet::(\w+)<.*?>\(.*?\);(?: // (\w+))?", source)
    convolutions = [spec.safe_name for spec in tiny_model.architecture.convolutions]
    assert [name for kernel, name in calls if kernel == "conv_2d_cl"] == convolutions
    assert {spec.kernel for spec in tiny_model.architecture.convolutions} == {1, 3}
    kernels = {kernel for kernel, _ in calls}
    assert not [
        kernel for kernel in kernels if "pointwise" in kernel or "relu" in kernel or "linear" in kernel
    ]
    design = design_of(graph, tiny_model, name="x", part="xc7z020", clock_mhz=100.0)
    assert not [layer.name for layer in design.layers if layer.op is Op.RELU]


class Node:
    """What ``bind_multipliers`` uses of a node of hls4ml."""

    name = "fire2_squeeze1x1"

    def __init__(self, config):
        self.attributes = {"config_cpp": config, "include_header": ["nnet_utils/nnet_conv2d.h"]}

    def get_attr(self, name):
        return self.attributes[name]

    def set_attr(self, name, value):
        self.attributes[name] = value


def test_a_product_left_to_the_tool_changes_nothing():
    node = Node("no product at all")
    bind_multipliers(node, "auto")
    assert node.get_attr("config_cpp") == "no product at all"
    assert node.get_attr("include_header") == ["nnet_utils/nnet_conv2d.h"]


@pytest.mark.parametrize(
    ("config", "times"), [("", 0), ("nnet::product::mult<a>; nnet::product::mult<b>;", 2)]
)
def test_another_product_than_the_stock_one_is_refused(config, times):
    node = Node(config)
    with pytest.raises(ToolError) as caught:
        bind_multipliers(node, "dsp")
    assert str(caught.value) == (
        "hls4ml 1.3.0 must emit nnet::product::mult<...> once in the configuration of fire2_squeeze1x1, "
        f"not {times} times; use multipliers 'auto'"
    )
    assert node.get_attr("config_cpp") == config
