"""Bypass through all engines: trained, converted, added on grids that lie apart, compared value by value."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from models import random_images, random_model, tiny_architecture
from scalar_truth import add

from sqz_hw.decisions import Decisions
from sqz_hw.design import Op
from sqz_hw.errors import BadInputError, IllegalArchitectureError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.flow import build
from sqz_hw.hls.convert import ConversionOptions, convert, qkeras_network
from sqz_hw.hls.graph_design import design_of
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.layers import Kind
from sqz_hw.model.modelfile import load, save
from sqz_hw.model.quantisation import quantise
from sqz_hw.model.tensors import reference_tensors
from sqz_hw.report.write import read
from sqz_hw.settings import BuildSettings
from sqz_hw.training.run import Run, train
from sqz_hw.training.settings import TrainSettings
from sqz_hw.verify.compare import by_stream
from sqz_hw.verify.exactness import float64_layers, qkeras_proofs
from sqz_hw.verify.golden import GoldenModel

BOTH_KINDS = tiny_architecture(name="both-kinds", bypass="complex", pools_after=(1, 2))
"""Around fire2 the pooled map itself, around fire3 a 1x1 convolution of it: a pool before each."""


def make_design(model, folder, **options):
    graph = convert(model, ConversionOptions("xc7z020clg400-1", **options), Decisions(), folder / "hls")
    return design_of(graph, model, name=model.name, part="xc7z020", clock_mhz=100.0)


def skip_and_merged(arch):
    """The inputs of each addition, by its name."""
    return {spec.name: spec.inputs for spec in arch.layers if spec.kind is Kind.ADD}


def check(model, folder, count=2, **options):
    """QKeras = golden on every stream, and each sum = the fractions'."""
    design = make_design(model, folder, **options)
    images = random_images(model.architecture, count)
    network = qkeras_network(model, in_float64=float64_layers(design))
    traces = list(GoldenModel(design).traces(images))
    for trace, tensors in zip(traces, reference_tensors(network, images), strict=True):
        for name, values in by_stream(design, tensors).items():
            np.testing.assert_array_equal(
                trace.codes[name], values.reshape(trace.codes[name].shape), err_msg=name
            )
    for layer in design.layers:
        if layer.op is Op.ADD:
            types = [design.stream(name).type for name in layer.inputs]
            x, y = (traces[0].codes[name] for name in layer.inputs)
            wanted = add(x, y, types, layer.out_type)
            np.testing.assert_array_equal(traces[0].codes[layer.outputs[0]], wanted, err_msg=layer.name)
    return design


# trained


SETTINGS = TrainSettings(
    seed=3, batch_size=8, float_epochs=1, prune_epochs=1, qat_epochs=1, float_rate=0.05, qat_rate=0.2, sparsity=0.5,
    weight_bits=5, activation_bits=5, score_bits=8, calibration_images=16,
)  # fmt: skip


def trained(arch, output):
    """A network after a few steps of each stage, and what it was before QAT."""
    labels = np.arange(32) % arch.classes
    images = random_images(arch, 32) // 3 + (50 * labels[:, None, None, None]).astype(np.uint8)
    run = Run(arch.name, arch, SETTINGS, Dataset(images, labels, "made"), None, None, output)
    return train(run, resume=False, report=lambda *_: None), load(output / "model-pruned.safetensors")


def test_a_trained_network_with_both_kinds_is_bit_exact_on_vivado(tmp_path):
    arch = BOTH_KINDS
    assert skip_and_merged(arch) == {
        "fire2/add": ("pool1", "fire2/concat"),
        "fire3/add": ("fire3/relu_bypass1x1", "fire3/concat"),
    }
    model, before = trained(arch, tmp_path / "run")
    kernel, old = model.weights["fire3/bypass1x1/kernel"], before.weights["fire3/bypass1x1/kernel"]
    assert kernel.shape == (1, 1, 8, 16)
    assert np.count_nonzero(old) == kernel.size // 2, "pruned like any other of the module"
    assert not kernel[old == 0].any()
    rounded = quantise(old, model.quantisation.weights["fire3/bypass1x1"])
    assert (kernel != rounded).any(), "trained on, not only rounded"

    built = build(
        BuildSettings(
            part="xc7z020", model=str(tmp_path / "run" / "model.safetensors"), images=10, backend="Vivado",
            output=tmp_path / "out",
        )
    )  # fmt: skip
    report = read(built.folder / "report" / "report.json")
    verification = report["verification"]
    assert set(verification["compared"]) == {"qkeras", "golden", "csim"}
    assert verification["bit_exact"] is True
    assert verification["not_compared"] == []
    compared = {row["name"]: row for row in verification["layers"]}
    assert compared["fire2_add"]["elements"] == 10 * 8 * 8 * 8
    assert compared["fire3_add"]["elements"] == 10 * 4 * 4 * 16
    assert compared["fire3_bypass1x1"]["elements"] == 10 * 4 * 4 * 16

    side = {"conv1": 16, "fire2": 8, "fire3": 4, "conv4": 4}
    wanted = {
        name.removesuffix("/kernel").replace("/", "_"): side[name.split("/")[0]] ** 2 * np.count_nonzero(w)
        for name, w in model.weights.items()
        if name.endswith("/kernel")
    }
    rows = {row["name"]: row for row in report["network"] if row["op"] == "conv"}
    assert {name: row["nonzero_macs"] for name, row in rows.items()} == wanted
    assert report["model"]["nonzero_macs"] == sum(wanted.values())
    assert rows["fire3_bypass1x1"]["macs"] == 4 * 4 * 8 * 16
    assert rows["fire3_bypass1x1"]["fire"] == "fire3"
    assert report["model"]["macs"] == arch.macs
    assert report["model"]["parameters"] == sum(w.size for w in model.weights.values())


def test_a_trained_network_with_simple_bypass_is_qkerass(tmp_path):
    arch = tiny_architecture(name="simple", pools_after=(1, 2), incr_e=0, fire_modules=3)
    assert skip_and_merged(arch) == {
        "fire2/add": ("pool1", "fire2/concat"),
        "fire3/add": ("pool2", "fire3/concat"),
        "fire4/add": ("fire3/relu_add", "fire4/concat"),
    }
    model, _ = trained(arch, tmp_path / "run")
    for backend in ("Vitis", "Vivado"):
        check(model, tmp_path, backend=backend)


# grids that lie apart


def regridded(model, types):
    """The model with other types for some ReLUs."""
    activations = {**model.quantisation.activations, **types}
    return replace(model, quantisation=replace(model.quantisation, activations=activations))


def far_apart():
    """A bypass convolution as good as dead beside a branch of large values: the sum needs 33 bits."""
    arch = BOTH_KINDS
    model = random_model(arch, seed=5)
    tiny, wide = FixedPoint(6, -24, False), FixedPoint(6, 3, False)
    weights = dict(model.weights)
    quantisation = model.quantisation
    for what, types in (("kernel", quantisation.weights), ("bias", quantisation.biases)):
        key, old = f"fire3/bypass1x1/{what}", types["fire3/bypass1x1"]
        small = FixedPoint(old.width, old.integer - 25, True)
        quantisation = replace(
            quantisation,
            **{"weights" if what == "kernel" else "biases": {**types, "fire3/bypass1x1": small}},
        )
        weights[key] = (weights[key] * 2.0**-25).astype(np.float32)
    model = replace(model, weights=weights, quantisation=quantisation)
    expands = dict.fromkeys(("fire3/relu_expand1x1", "fire3/relu_expand3x3"), wide)
    return regridded(model, {"fire3/relu_bypass1x1": tiny, **expands})


def test_grids_far_apart_are_added_in_float64_and_stay_exact_in_c(tmp_path):
    model = far_apart()
    design = check(model, tmp_path)
    assert {p.layer: p.bound.bit_length() for p in qkeras_proofs(design)}["fire3_add"] == 33
    assert float64_layers(design) == ("fire3_add",)
    skip = next(x for x in design.layers if x.name == "fire3_bypass1x1").outputs[0]
    assert GoldenModel(design).run(random_images(model.architecture, 2), keep=[skip])[skip].any()
    save(model, tmp_path / "m.safetensors")
    built = build(
        BuildSettings(
            part="xc7z020", model=str(tmp_path / "m.safetensors"), images=10, output=tmp_path / "out"
        )
    )
    verification = read(built.folder / "report" / "report.json")["verification"]
    assert verification["bit_exact"] is True
    assert verification["float64_layers"] == ["fire3_add"]


def test_the_addition_in_float64_does_what_float32_cannot(tmp_path):
    """Half a step of the coarse grid, or a little more: what QKeras's own float32 would round away."""
    model = regridded(
        far_apart(),
        {"fire3/relu_add": FixedPoint(6, 3, False), "fire3/relu_bypass1x1": FixedPoint(16, -8, False)},
    )
    for name, dtype in (("fire3_add", "float64"), ("fire2_add", "float32")):
        network = qkeras_network(model, in_float64=["fire3_add"])
        layer = network.get_layer(name)
        assert layer.compute_dtype == dtype
        assert layer.output.dtype == dtype
    skip, merged = np.float32(2.0**-24), np.float32(4.25 + 0.0625)
    shape = (1, 4, 4, 16)
    sums = qkeras_network(model, in_float64=["fire3_add"]).get_layer("fire3_add")
    out = sums([np.full(shape, skip), np.full(shape, merged)]).numpy()
    assert (out == 4.3125 + 2.0**-24).all()
    assert np.float32(skip + merged) == merged


def test_a_sum_that_not_even_float64_holds_is_refused(tmp_path):
    far = FixedPoint(6, 30, False)
    design = make_design(regridded(far_apart(), {"fire3/relu_expand1x1": far}), tmp_path)
    with pytest.raises(
        BadInputError,
        match=r"^fire3_add: a reference in float64 must hold every sum exactly, and this one reaches "
        r"1,\d{3}(,\d{3}){5} last bits; use narrower types$",
    ):
        float64_layers(design)


@st.composite
def nets(draw, widest=8):
    """A network with bypass, and a type of its own for each ReLU in it."""
    fires = draw(st.integers(1, 3))
    try:
        arch = tiny_architecture(
            name="random",
            input_size=draw(st.integers(6, 11)),
            classes=draw(st.integers(2, 3)),
            conv1_filters=draw(st.sampled_from((4, 6))),
            base_e=4,
            incr_e=draw(st.integers(0, 3)),
            freq=draw(st.integers(1, 2)),
            pct3x3=draw(st.sampled_from((0.3, 0.5))),
            fire_modules=fires,
            pools_after=tuple(sorted(draw(st.sets(st.integers(1, fires + 1), max_size=2)))),
            ceil_pooling=draw(st.booleans()),
            bypass=draw(st.sampled_from(("simple", "complex"))),
        )
    except IllegalArchitectureError:  # a map too small for its pools
        reject()
    if not skip_and_merged(arch):
        reject()
    model = random_model(arch, draw(st.integers(0, 1000)), draw(st.integers(2, 7)), 6)
    types = {}
    for name, old in model.quantisation.activations.items():
        width, further = draw(st.integers(2, widest)), draw(st.integers(-3, 3))
        types[name] = FixedPoint(width, old.integer + further, False)
    return regridded(model, types)


FEW = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


@FEW
@given(nets(), st.sampled_from(["Vitis", "Vivado"]))
def test_any_grids_are_added_exactly(tmp_path_factory, model, backend):
    check(model, tmp_path_factory.mktemp("net"), backend=backend)


@pytest.mark.slow
@settings(FEW, max_examples=80)
@given(nets(16), st.sampled_from(["Vitis", "Vivado"]), st.sampled_from(["tight", "auto"]))
def test_many_grids_are_added_exactly(tmp_path_factory, model, backend, accumulators):
    check(model, tmp_path_factory.mktemp("net"), backend=backend, accumulators=accumulators)
