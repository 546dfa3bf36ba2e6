"""Codebooks in a model's quantisation and in its file."""

import re
from dataclasses import replace

import numpy as np
import pytest
from models import TINY, random_model

from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.model.modelfile import load, save
from sqz_hw.model.quantisation import Quantisation


def shared(size, model=None):
    """A model of which each layer's codebook holds what its kernel holds (weights of few bits)."""
    model = model or random_model(TINY, weight_bits=size)
    books = {
        s.name: tuple(int(c) for c in np.unique(model.codes(f"{s.name}/kernel"))) for s in TINY.convolutions
    }
    return replace(model, quantisation=replace(model.quantisation, codebooks=books))


@pytest.mark.parametrize("bits", [2, 3, 5])
def test_code_bits_are_those_of_an_index(bits):
    assert shared(bits).quantisation.code_bits == bits
    assert random_model().quantisation.code_bits is None
    one = replace(random_model().quantisation, codebooks={"conv1": (0,)})
    assert one.code_bits == 1


def test_round_trip(tmp_path):
    model = shared(3)
    save(model, tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors").quantisation == model.quantisation


def test_a_model_without_shared_weights_has_no_word_of_codebooks():
    plain = random_model().quantisation.to_dict()
    assert "codebooks" not in plain
    assert Quantisation.from_dict(plain).codebooks == {}


@pytest.mark.parametrize(
    "codes", [[], [1, 1], [2, 1], [1.0, 2], [True], "12", {"0": 1}, None, ["1"]], ids=repr
)
def test_a_codebook_that_is_none(codes):
    plain = {**random_model().quantisation.to_dict(), "codebooks": {"conv1": codes}}
    pattern = (
        "^the codebook of conv1 must be a rising list of whole numbers, not " + re.escape(repr(codes)) + "$"
    )
    with pytest.raises(BadInputError, match=pattern):
        Quantisation.from_dict(plain)


def test_codebooks_of_another_model():
    model = shared(3)
    books = dict(model.quantisation.codebooks)
    with pytest.raises(
        ModelFileError, match=r"^model tiny: codebook fire9 belongs to no layer of the architecture$"
    ):
        replace(model, quantisation=replace(model.quantisation, codebooks={**books, "fire9": (0,)}))
    short = {**books, "conv1": books["conv1"][1:]}
    pattern = rf"^model tiny: the kernel of conv1 must hold codes of its codebook only, and holds {books['conv1'][0]}$"
    with pytest.raises(ModelFileError, match=pattern):
        replace(model, quantisation=replace(model.quantisation, codebooks=short))
