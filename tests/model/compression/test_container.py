"""The compressed file: exact round trips, sizes, and that damage is found."""

import json
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, TINY_ODD, random_float_model, random_model

from sqz_hw import zoo
from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.model import modelfile
from sqz_hw.model.architecture import V1_0
from sqz_hw.model.compression import container
from sqz_hw.model.compression.container import MAGIC, read, write
from sqz_hw.model.compression.sharing import share_weights
from sqz_hw.model.storage import storage


def same(a, b):
    return (
        (a.name, a.architecture, a.quantisation, a.input_mean) == (b.name, b.architecture, b.quantisation, b.input_mean)
        and a.weights.keys() == b.weights.keys()
        and all(np.array_equal(a.weights[k], b.weights[k]) and b.weights[k].dtype == np.float32 for k in a.weights)
    )  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([TINY, TINY_ODD]),
    st.sampled_from([0.0, 0.05, 0.4, 1.0]),
    st.integers(1, 8) | st.none(),
    st.integers(0, 1000),
)
def test_float_models(arch, density, bits, seed):
    model = random_float_model(arch, seed, density)
    model = model if bits is None else share_weights(model, bits)
    data = write(model)
    again = read("f", data)
    assert same(model, again)
    assert write(again) == data


@pytest.mark.parametrize(("arch", "bits", "density"), [(TINY, 2, 1.0), (TINY_ODD, 6, 0.3), (TINY, 12, 0.5)])
def test_quantised_models_keep_their_codes(arch, bits, density):
    model = random_model(arch, weight_bits=bits, density=density)
    data = write(model)
    again = read("f", data)
    assert same(model, again)
    assert all(np.array_equal(model.codes(k), again.codes(k)) for k in model.weights)
    assert write(again) == data


@pytest.mark.parametrize("with_zero", [True, False])
def test_stated_codebooks_are_kept(with_zero):
    """Values that no weight has are kept as well; one layer states none."""
    model = random_model(TINY, weight_bits=4)
    books = {}
    for spec in TINY.convolutions[1:]:
        codes = set(np.unique(model.codes(f"{spec.name}/kernel")).tolist()) | {-8, 7}
        books[spec.name] = tuple(sorted(codes | {0} if with_zero else codes))
    kernels = {
        k: np.where(v == 0, v.max(), v) if k.endswith("kernel") else v for k, v in model.weights.items()
    }
    if not with_zero:
        books = {name: tuple(c for c in codes if c) for name, codes in books.items()}
        model = replace(model, weights=kernels)
    model = replace(model, quantisation=replace(model.quantisation, codebooks=books))
    again = read("f", write(model))
    assert again.quantisation.codebooks == books
    assert same(model, again)


def test_the_shipped_model():
    model = modelfile.load(zoo.find(zoo.DEFAULT))
    data = write(model)
    assert same(model, read("f", data))
    assert len(data) < 0.8 * storage(model).compressed_bytes < 0.12 * storage(model).float_bytes


def test_no_weights_but_zero_and_a_mean():
    model = random_float_model(TINY)
    zero = {k: np.zeros_like(v) for k, v in model.weights.items()}
    model = replace(model, weights=zero, input_mean=(1.0, 2.5, 3.0))
    assert same(model, read("f", write(model)))


def test_a_full_size_network_is_small():
    """Six bits and two thirds of zeros: fewer bytes than the entropy of codes and places plus 2 %."""
    model = share_weights(random_float_model(V1_0, density=0.33), 6)
    bits = 0.0
    for spec in V1_0.convolutions:
        kernel = model.weights[f"{spec.name}/kernel"]
        _, counts = np.unique(kernel, return_counts=True)
        share = counts / counts.sum()
        bits += float(-(counts * np.log2(share)).sum())
    rest = 4 * 3976 + 26 * (64 * 4 + 64)
    assert bits / 8 < len(write(model)) < 1.04 * (bits / 8) + rest


# damage


@pytest.fixture(scope="module")
def legal():
    return write(share_weights(random_float_model(TINY, density=0.5), 4))


def refusal(data):
    with pytest.raises(ModelFileError) as caught:
        read("w", data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def sealed(data):
    return data + struct.pack("<I", zlib.crc32(data))


def test_every_flipped_bit_is_found(legal):
    for at in range(0, 8 * len(legal), 13):
        damaged = bytearray(legal)
        damaged[at // 8] ^= 1 << (at % 8)
        refusal(bytes(damaged))


def test_every_cut_is_found(legal):
    for length in range(0, len(legal), 7):
        refusal(legal[:length])


def test_messages(legal):
    assert refusal(b"something") == "w must be a compressed model (SQZHWDC1), and is something else"
    assert refusal(legal + b"\0") == ("w: the checksum is wrong: the file is cut or damaged; fetch it again")
    assert refusal(sealed(legal[:-4] + b"\0")) == "w: 1 bytes are left over; the file is damaged"
    assert "bytes must follow at byte" in refusal(sealed(legal[:-5]))
    length = struct.pack("<I", 1 << 30)
    assert refusal(sealed(MAGIC + length)) == (
        "w: the header must have at most 65,536 bytes, not 1,073,741,824"
    )


def with_header(legal, **changes):
    start = len(MAGIC) + 4
    length = struct.unpack("<I", legal[len(MAGIC) : start])[0]
    text = json.dumps({**json.loads(legal[start : start + length]), **changes}).encode()
    return sealed(MAGIC + struct.pack("<I", len(text)) + text + legal[start + length : -4])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"architecture": 5}, "w has a damaged header ("),
        ({"architecture": {"conv1_kernel": -1}}, "w describes no legal model: conv1_kernel must be between"),
        ({"architecture": {"width": 15.0}}, "w: a model must have at most 33,554,432 parameters, not "),
        ({"name": "a/b"}, "a model's name must be 1 to 100 bytes"),
        ({"name": 5}, "a model's name must be 1 to 100 bytes"),
        ({"types": {}}, "w has a damaged header (KeyError: 'weights')"),
        (
            {"types": {"weights": ["ap_fixed<6,1>"]}},
            "w has a damaged header (ValueError: 1 types for 8 weights)",
        ),
        ({"codebooks": [1]}, "w has a damaged header (ValueError: zip()"),
        ({"codebooks": [7] * 8}, "w has a damaged header (ValueError: codebooks [7, 7"),
        ({"mean": [1, 2]}, "w has a damaged header (ValueError: a mean of (1.0, 2.0))"),
        ({"mean": [1, 2, 1e300]}, "w has a damaged header (ValueError: a mean of "),
    ],
)
def test_headers(legal, changes, text):
    assert refusal(with_header(legal, **changes)).startswith(text)


def test_a_claim_of_many_zeros_takes_little_memory(legal):
    """A network of 20 million weights in a file of a few kB, cut short: nothing is taken for it."""
    assert "w: conv1: " in refusal(
        with_header(legal, architecture={"width": 4.0, "input_size": 64, "pools_after": []})
    )


def record_at(legal):
    start = len(MAGIC) + 4
    return start + struct.unpack("<I", legal[len(MAGIC) : start])[0]


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (
            struct.pack("<BHI", 2, 15, 216),
            "w: conv1: 216 entries (way 2) cannot be 216 weights; the file is damaged",
        ),
        (
            struct.pack("<BHI", 0, 15, 215),
            "w: conv1: 215 entries (way 0) cannot be 216 weights; the file is damaged",
        ),
        (
            struct.pack("<BHI", 1, 15, 2**32 - 1),
            "w: conv1: 4,294,967,295 entries (way 1) cannot be 216 weights",
        ),
    ],
)
def test_records(legal, start, text):
    at = record_at(legal)
    assert refusal(sealed(legal[:at] + start + legal[at + len(start) : -4])).startswith(text)


def test_shared_weights_that_are_none(legal):
    at = record_at(legal) + 7
    for number, text in (
        (1.0, "the first shared weight must be 0; the file is damaged"),
        (float("inf"), "weights must be finite, and are not; the file is damaged"),
    ):
        assert (
            refusal(sealed(legal[:at] + struct.pack("<f", number) + legal[at + 4 : -4]))
            == f"w: conv1: {text}"
        )


def test_too_many_different_weights(monkeypatch):
    monkeypatch.setattr(container, "MAX_CODEBOOK", 100)
    with pytest.raises(
        BadInputError,
        match=r"^conv1 must have below 100 different weights to be compressed, not 216; share them first \(--bits\)$",
    ):
        write(random_float_model(TINY))


def test_too_large_a_network(monkeypatch):
    monkeypatch.setattr(container, "MAX_PARAMETERS", 100)
    with pytest.raises(
        BadInputError, match=r"^model tiny must have at most 100 parameters to be compressed, not "
    ):
        write(random_float_model(TINY))
