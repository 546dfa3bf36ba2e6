"""The shipped model is what its card says."""

import re
from pathlib import Path

import numpy as np
import pytest

from sqz_hw import zoo
from sqz_hw.evaluate import evaluate
from sqz_hw.model import datasets, modelfile

PACKED = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar10_dev_packed.npz"


@pytest.fixture(scope="module")
def model():
    return modelfile.load(zoo.find(zoo.DEFAULT))


@pytest.fixture(scope="module")
def card():
    return (zoo.FOLDER / f"{zoo.DEFAULT}.md").read_text(encoding="utf-8")


def test_half_zeros_and_at_most_six_bits(model):
    assert 1 - model.density() >= 0.5
    assert max(t.width for t in model.quantisation.weights.values()) <= 6
    for key in model.weights:
        model.codes(key)


def test_the_card_gives_the_records_figures(model, card):
    accuracy = model.record["accuracy"]
    for stage in ("float", "pruned", "quantised"):
        assert f"{accuracy[stage]:.2f} %" in card
    assert f"{model.architecture.parameters:,}" in card
    assert f"{model.architecture.macs:,}" in card
    assert f"{model.record['seconds']:,} seconds" in card
    assert f"{100 * (1 - model.density()):.1f} % of the weights" in card
    assert accuracy["quantised"] >= 80.0


def test_the_float_network_lies_beside_it(model):
    companion = modelfile.load(zoo.float_companion(zoo.find(zoo.DEFAULT)))
    assert companion.kind == "float"
    assert companion.architecture == model.architecture


@pytest.mark.skipif(not PACKED.exists(), reason="needs CIFAR-10 in ../shared/data")
def test_the_golden_model_scores_what_the_card_says_on_all_test_images(model, card, tmp_path):
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
    result = evaluate(zoo.find(zoo.DEFAULT), data, "golden")
    stated = float(re.search(r"\*\*(\d+\.\d+) %\*\*", card)[1])
    assert result.images == 5000
    assert result.top1 == pytest.approx(stated, abs=0.005)
