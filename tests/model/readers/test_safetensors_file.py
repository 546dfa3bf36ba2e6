"""``.safetensors`` of strangers."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers.safetensors_file import looks_like, metadata, read


def refusal(data):
    with pytest.raises(ModelFileError) as caught:
        read("w", data)
    return str(caught.value)


def made(header, values=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values


def test_as_the_library_writes_them():
    tensors = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.ones(2, np.float16)}
    data = save(tensors, {"k": "v"})
    assert looks_like(data)
    got = read("w", data)
    assert list(got) == ["a", "b"]
    assert all(np.array_equal(got[k], tensors[k]) for k in tensors)
    assert metadata(data) == {"k": "v"}


@pytest.mark.parametrize("length", [1 << 20, (1 << 20) + 1, 2**63, 2**64 - 1])
def test_the_length_of_the_header_is_bounded(length):
    text = refusal(struct.pack("<Q", length) + b"{" + bytes(20))
    assert text.startswith("w: the header of a .safetensors file must have at most 21 bytes here, not ")


def test_cuts_are_refused():
    data = save({"a": np.ones(5, np.float32)})
    for length in range(len(data)):
        refusal(data[:length])


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}},
        {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}},
        {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
        {"a": 5},
        [],
    ],
)
def test_headers_that_lie(header):
    text = refusal(made(header, bytes(4)))
    assert text.startswith(
        "w must be a .safetensors file of float16, float32 or float64, and cannot be read ("
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(8),
        struct.pack("<Q", 2**40),
        made([]),
        made({"__metadata__": 3}),
        struct.pack("<Q", 3) + b"{{{",
    ],
)
def test_metadata_of_damaged_files(data):
    assert metadata(data) == {}
