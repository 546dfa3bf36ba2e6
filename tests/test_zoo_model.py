"""The shipped models are what their cards say."""

import re
from pathlib import Path

import numpy as np
import pytest

from sqz_hw import zoo
from sqz_hw.evaluate import evaluate
from sqz_hw.model import datasets, modelfile
from sqz_hw.model.architecture import V1_1
from sqz_hw.model.storage import storage

PACKED = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar10_dev_packed.npz"


@pytest.fixture(scope="module", params=zoo.names())
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    return modelfile.load(zoo.find(name))


@pytest.fixture(scope="module")
def card(name):
    return (zoo.FOLDER / f"{name}.md").read_text(encoding="utf-8")


def nonzero_macs(model):
    return sum(
        int(np.count_nonzero(model.weights[f"{s.name}/kernel"])) * s.out_shape[0] * s.out_shape[1]
        for s in model.architecture.convolutions
    )


def test_half_zeros_and_at_most_six_bits(model):
    assert 1 - model.density() >= 0.5
    assert max(t.width for t in model.quantisation.weights.values()) <= 6
    assert sorted(t.width for t in model.quantisation.activations.values())[-2] <= 6  # the scores' map has 8
    for key in model.weights:
        model.codes(key)


def test_the_full_widths_of_the_paper_within_their_bounds():
    model = modelfile.load(zoo.find("cifar10-full"))
    assert model.architecture.fires == V1_1.fires
    assert max(t.width for t in model.quantisation.weights.values()) <= 5
    assert 8 * storage(model).compressed_bytes <= 2_600_000
    assert nonzero_macs(model) <= 18_000_000
    assert 0.25 <= model.density(fire_only=False) <= 0.4


def test_the_card_gives_the_records_figures(name, model, card):
    accuracy = model.record["accuracy"]
    for stage in ("float", "pruned", "quantised"):
        assert f"{accuracy[stage]:.2f} %" in card
    assert f"{model.architecture.parameters:,}" in card
    assert f"{model.architecture.macs:,}" in card
    assert f"{nonzero_macs(model):,}" in card
    assert f"{8 * storage(model).compressed_bytes:,} bits" in card
    assert f"{100 * (1 - model.density()):.1f} % of the weights" in card
    for field in ("density", "qat_rate", "prune_epochs", "qat_epochs"):
        value = model.record["settings"][field]
        assert value is None or f"--{field.replace('_', '-')} {value:g}" in card
    assert accuracy["quantised"] >= accuracy["float"] - 1.0


def test_the_float_network_lies_beside_it(name, model):
    companion = modelfile.load(zoo.float_companion(zoo.find(name)))
    assert companion.kind == "float"
    assert companion.architecture == model.architecture


@pytest.mark.skipif(not PACKED.exists(), reason="needs CIFAR-10 in ../shared/data")
def test_the_golden_model_scores_what_the_card_says_on_all_test_images(name, model, card, tmp_path):
    from PIL import Image

    with np.load(PACKED) as packed:
        blob, header = packed["test_jpeg"].tobytes(), packed["header"].tobytes()
        ends = np.cumsum(packed["test_len"].astype(np.int64))
        labels = packed["y_test"].astype(np.int64)
    starts = np.concatenate([[0], ends[:-1]])
    folder = tmp_path / "images.npz"
    pixels = np.empty((len(ends), 32, 32, 3), np.uint8)
    for i, (a, b) in enumerate(zip(starts, ends, strict=True)):
        (tmp_path / "image.jpg").write_bytes(header + blob[a:b])
        with Image.open(tmp_path / "image.jpg") as image:
            pixels[i] = np.asarray(image.convert("RGB"))
    np.savez(folder, x=pixels, y=labels)
    data = datasets.load(str(folder), 32)
    result = evaluate(zoo.find(name), data, "golden")
    stated = float(re.search(r"\*\*(\d+\.\d+) %\*\*", card)[1])
    assert result.images == 5000
    assert result.top1 == pytest.approx(stated, abs=0.005)
