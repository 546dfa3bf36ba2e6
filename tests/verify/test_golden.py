"""The golden model against C-simulation, QKeras, and layers computed value by value."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from models import random_images, random_model, tiny_architecture

from sqz_hw.decisions import Decisions
from sqz_hw.design import Design
from sqz_hw.errors import IllegalArchitectureError
from sqz_hw.hls.convert import ConversionOptions, convert, qkeras_network
from sqz_hw.hls.graph_design import design_of
from sqz_hw.hls.project import write_project
from sqz_hw.model.architecture import V1_0, V1_1, small_stem
from sqz_hw.model.tensors import reference_tensors
from sqz_hw.verify.compare import by_stream
from sqz_hw.verify.compiler import Simulator, compile_project
from sqz_hw.verify.csim import simulate
from sqz_hw.verify.exactness import float64_layers, proofs
from sqz_hw.verify.golden import GoldenModel

PART = "xc7z020clg400-1"


@pytest.fixture(scope="module")
def design(project):
    return Design.from_json((project.folder / "csim" / "design.json").read_text())


@pytest.fixture(scope="module")
def images(project):
    return random_images(project.model.architecture, 7)


def make_design(model, folder, *, write=False, decisions=None, **options):
    graph = convert(model, ConversionOptions(PART, **options), decisions or Decisions(), folder)
    if write:
        write_project(graph, folder)
    return design_of(graph, model, name=model.name, part="xc7z020", clock_mhz=100.0)


def same_traces(found, wanted):
    count = 0
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.image == theirs.image
        assert mine.codes.keys() == theirs.codes.keys()
        for name, codes in theirs.codes.items():
            assert mine.codes[name].dtype == np.int32
            np.testing.assert_array_equal(mine.codes[name], codes, err_msg=name)
        count += 1
    assert count > 0


def same_as_qkeras(model, design, images, *, argmax=False):
    network = qkeras_network(model, argmax=argmax, in_float64=float64_layers(design))
    for trace, tensors in zip(
        GoldenModel(design).traces(images), reference_tensors(network, images), strict=True
    ):
        wanted = by_stream(design, tensors)
        assert wanted.keys() == trace.codes.keys()
        for name, values in wanted.items():
            np.testing.assert_array_equal(
                trace.codes[name], values.reshape(trace.codes[name].shape), err_msg=name
            )


def test_every_stream_is_that_of_the_c_simulation(project, design, images, tmp_path):
    simulator = Simulator(project.folder / "csim" / "simulate", project.folder / "hls", compiled=False)
    golden = GoldenModel(design)
    same_traces(golden.traces(images), simulate(simulator, design, images, tmp_path))


def test_every_stream_is_that_of_qkeras(project, design, images):
    same_as_qkeras(project.model, design, images)


def test_batches_and_what_is_kept_change_nothing(design, images):
    golden = GoldenModel(design)
    everything = golden.run(images)
    assert everything.keys() == {s.name for s in design.streams}
    for stream in design.streams:
        assert everything[stream.name].shape == (len(images), *stream.shape)
        alone = golden.run(images, keep=[stream.name])
        assert alone.keys() == {stream.name}
        np.testing.assert_array_equal(alone[stream.name], everything[stream.name], err_msg=stream.name)
    for batch in (1, 3, 100):
        for trace in golden.traces(images, batch):
            for name, codes in trace.codes.items():
                np.testing.assert_array_equal(codes, everything[name][trace.image])
    some = [design.output.name, design.layers[0].outputs[0]]
    assert all(t.codes.keys() == set(some) for t in golden.traces(images, keep=some))


def test_scores_are_the_outputs_values(design, images):
    golden = GoldenModel(design)
    codes = golden.run(images, keep=[design.output.name])[design.output.name]
    scores = golden.scores(images)
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, codes.reshape(len(images), -1) * design.output.type.lsb)
    np.testing.assert_array_equal(golden.scores(images[:1]), scores[:1])
    assert golden.scores(images[:0]).shape == (0, scores.shape[1])


def test_one_thread_computes_the_same(design, images, monkeypatch):
    golden = GoldenModel(design)
    scores = golden.scores(images)
    monkeypatch.setattr("sqz_hw.verify.parallel.threadpoolctl", None)
    np.testing.assert_array_equal(golden.scores(images), scores)


def test_memory_is_bounded_by_the_batch(design, images, monkeypatch):
    """Nobody computes more images at once than asked for."""
    seen = []
    original = GoldenModel._values
    monkeypatch.setattr(
        GoldenModel,
        "_values",
        lambda self, part, steps: seen.append(len(part)) or original(self, part, steps),
    )
    traces = GoldenModel(design).traces(images, 3)
    next(traces)
    assert sum(seen) == 3
    assert len(list(traces)) == len(images) - 1


VARIANTS = {
    "stride 2 without padding, odd maps, Vivado": (
        tiny_architecture(
            name="valid", input_size=19, conv1_stride=2, conv1_padding=0, pools_after=(1, 3), bypass="none",
            pct3x3=0.25, conv10_padding=1,
        ),
        {"backend": "Vivado"},
    ),
    "complex bypass, 5 x 5, arg max": (
        tiny_architecture(name="complex", input_size=10, bypass="complex", classes=5),
        {"result": "argmax"},
    ),
    "floor pooling": (
        tiny_architecture(name="floor", input_size=12, ceil_pooling=False, pools_after=(1, 2)),
        {},
    ),
    "auto accumulators": (tiny_architecture(name="auto", input_size=8), {"accumulators": "auto"}),
    "bit_exact accumulators": (tiny_architecture(name="exact", input_size=8), {"accumulators": "bit_exact"}),
    "7 x 7 stem": (
        small_stem(
            V1_1, name="stem", input_size=21, conv1_kernel=7, conv1_stride=2, conv1_padding=0, conv1_filters=6,
            base_e=6, incr_e=2, freq=1, fire_modules=1, pools_after=(1,), classes=3,
        ),
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_that_of_qkeras(variant, tmp_path):
    arch, options = VARIANTS[variant]
    model = random_model(arch, seed=7)
    design = make_design(model, tmp_path / "hls", **options)
    same_as_qkeras(model, design, random_images(arch, 3), argmax=options.get("result") == "argmax")


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_that_of_the_c_simulation(variant, tmp_path):
    arch, options = VARIANTS[variant]
    design = make_design(random_model(arch, seed=7), tmp_path / "hls", write=True, **options)
    simulator = compile_project(tmp_path / "hls", tmp_path / "csim")
    images = random_images(arch, 3)
    same_traces(GoldenModel(design).traces(images), simulate(simulator, design, images, tmp_path / "run"))


def test_an_arg_max_is_left_out_of_the_scores(tmp_path):
    arch, options = VARIANTS["complex bypass, 5 x 5, arg max"]
    design = make_design(random_model(arch, seed=7), tmp_path / "hls", **options)
    images = random_images(arch, 9)
    golden = GoldenModel(design)
    scores = golden.scores(images)
    assert scores.shape == (9, 5)
    index = golden.run(images, keep=[design.output.name])[design.output.name]
    np.testing.assert_array_equal(index.reshape(-1), scores.argmax(axis=1))


@pytest.mark.parametrize(("bits", "path"), [(12, "float64"), (4, "float32")])
def test_wide_types_take_the_next_path(bits, path, tmp_path):
    arch = tiny_architecture(name="wide", input_size=8)
    model = random_model(arch, 3, bits, bits)
    design = make_design(model, tmp_path / "hls")
    assert path in {p.path for p in proofs(design)}
    same_as_qkeras(model, design, random_images(arch, 3))


@st.composite
def nets(draw):
    """An architecture and the arguments of ``random_model`` after it."""
    fires = draw(st.integers(1, 3))
    try:
        arch = small_stem(
            draw(st.sampled_from((V1_0, V1_1))),
            name="random",
            input_size=draw(st.integers(6, 12)),
            classes=draw(st.integers(2, 4)),
            conv1_filters=draw(st.integers(2, 6)),
            conv1_kernel=draw(st.sampled_from((1, 3, 5))),
            conv1_stride=draw(st.integers(1, 2)),
            conv1_padding=draw(st.integers(0, 2)),
            base_e=draw(st.integers(2, 6)),
            incr_e=draw(st.integers(0, 3)),
            freq=draw(st.integers(1, 2)),
            pct3x3=draw(st.sampled_from((0.0, 0.3, 0.5, 1.0))),
            squeeze_ratio=draw(st.sampled_from((0.25, 0.5, 1.0))),
            fire_modules=fires,
            pools_after=tuple(sorted(draw(st.sets(st.integers(1, fires + 1), max_size=2)))),
            ceil_pooling=draw(st.booleans()),
            conv10_padding=draw(st.integers(0, 1)),
            bypass=draw(st.sampled_from(("none", "simple", "complex"))),
        )
    except IllegalArchitectureError:  # a map too small for its pools
        reject()
    options = {
        "seed": draw(st.integers(0, 1000)),
        "weight_bits": draw(st.integers(2, 12)),
        "activation_bits": draw(st.integers(2, 12)),
        "bias_bits": draw(st.integers(4, 16)),
        "score_bits": draw(st.integers(4, 12)),
        "density": draw(st.sampled_from((0.3, 1.0))),
    }
    return arch, options


def check_net(net, folder, *, csim=False):
    arch, options = net
    assume(not csim or arch.conv1_kernel > 1 or arch.conv1_stride == 1)  # refused: test_convert.py
    model = random_model(arch, **options)
    design = make_design(model, folder / "hls", write=csim)
    images = random_images(arch, 3)
    same_as_qkeras(model, design, images)
    if csim:
        simulator = compile_project(folder / "hls", folder / "csim")
        same_traces(GoldenModel(design).traces(images), simulate(simulator, design, images, folder / "run"))


FEW = settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@FEW
@given(nets())
def test_random_nets_are_those_of_qkeras(tmp_path_factory, net):
    check_net(net, tmp_path_factory.mktemp("net"))


@pytest.mark.slow
@settings(FEW, max_examples=80)
@given(nets())
def test_many_random_nets_are_those_of_qkeras(tmp_path_factory, net):
    check_net(net, tmp_path_factory.mktemp("net"))


@pytest.mark.slow
@FEW
@given(nets())
def test_random_nets_are_those_of_the_c_simulation(tmp_path_factory, net):
    check_net(net, tmp_path_factory.mktemp("net"), csim=True)


@pytest.mark.slow
def test_full_size_v1_1_is_that_of_qkeras(tmp_path):
    model = random_model(V1_1)
    design = make_design(model, tmp_path / "hls")
    images = random_images(V1_1, 2)
    same_as_qkeras(model, design, images)
    golden = GoldenModel(design)
    codes = golden.run(images, keep=[design.output.name])[design.output.name]
    np.testing.assert_array_equal(golden.scores(images), codes.reshape(2, -1) * design.output.type.lsb)
