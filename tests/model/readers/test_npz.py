"""``.npz`` files: NumPy's own are read as NumPy reads them; bombs, lies and pickles are refused."""

import io
import struct
import zipfile

import numpy as np
import pytest
from fuzz.containers import archive, npz
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers.archive import Archive
from sqz_hw.model.readers.npz import read

MOST = 1 << 20


def arrays_of(data, most=MOST):
    return read("w.npz", Archive("w.npz", data), most)


def refusal(data, most=MOST):
    with pytest.raises(ModelFileError) as caught:
        arrays_of(data, most)
    return str(caught.value)


dtypes = st.sampled_from(["<f4", "<f8", "<f2", ">f4", "|u1", "<i8", ">i2"])
some = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b/kernel", "c.weight"]), some), st.booleans(), st.booleans())
def test_as_numpy_reads_them(tensors, compressed, fortran):
    tensors = {k: np.asfortranarray(v) if fortran else v for k, v in tensors.items()}
    got = arrays_of(npz(tensors, compressed=compressed))
    assert got.keys() == tensors.keys()
    for key, array in tensors.items():
        assert got[key].dtype == array.dtype
        np.testing.assert_array_equal(got[key], array)


def test_texts_that_say_nothing_are_skipped():
    assert list(arrays_of(npz({"layer_names": np.array(["conv1"]), "a": np.zeros(2)}))) == ["a"]


def test_a_decompression_bomb_is_refused_before_it_unpacks():
    bomb = npz({"a": np.zeros(1 << 26, np.float32)}, compressed=True)  # 256 MB in 256 kB
    assert len(bomb) < 1 << 19
    assert refusal(bomb) == (
        "w.npz: a.npy would unpack to 268,435,456 bytes, more than such a network has; check --architecture"
    )


def test_many_small_bombs_count_together():
    assert "c.npy would unpack to" in refusal(npz({k: np.zeros(1 << 16) for k in "abc"}))


def test_a_header_that_claims_less_than_there_is():
    """The values' number comes from the header; what follows is never unpacked."""
    file = io.BytesIO()
    np.save(file, np.zeros(4, np.float32))
    data = archive({"a.npy": file.getvalue() + bytes(1 << 22)})
    assert refusal(data) == (
        "w.npz must be an archive of weights, and cannot be read (a.npy unpacks to more than 144 bytes)"
    )


def test_a_header_that_claims_more_than_there_is():
    file = io.BytesIO()
    np.save(file, np.zeros(4, np.float32))
    assert refusal(archive({"a.npy": file.getvalue()[:-1]})) == (
        "w.npz: a.npy must hold 16 bytes of values, not 15"
    )


@pytest.mark.parametrize(
    "array", [np.array([None, 1], object), np.array(["a"]), np.zeros(2, complex), np.zeros(2, "M8[s]"), np.zeros(2, "f4,i4")]
)  # fmt: skip
def test_only_plain_numbers(array):
    assert refusal(npz({"a": array})) == (
        "w.npz: a.npy must be an array of plain numbers (no objects, no texts), and is not"
    )


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (b"", "a.npy must be an array in NumPy's format, and is not"),
        (b"\x93NUMPY\x09\x00\xff\xff", "a.npy must be an array in NumPy's format"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "a.npy must be an array of plain numbers"),
        (b"\x93NUMPY\x01\x00\x40\x00" + b"(" * 64, "a.npy must be an array of plain numbers"),
    ],
)
def test_odd_headers(start, text):
    assert text in refusal(archive({"a.npy": start}))


def _header(text):
    text = text.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize("shape", ["-1,", "1 2,", "99999999999,", "1, 1, 1, 1, 1, 1, 1, 1, 1", "0x10,", ",,"])
def test_odd_shapes(shape):
    text = refusal(
        archive({"a.npy": _header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}")})
    )
    assert text.startswith("w.npz: a.npy must ")


def test_a_type_that_numpy_does_not_know():
    data = archive({"a.npy": _header("{'descr': '<f1', 'fortran_order': False, 'shape': (1,), }")})
    assert refusal(data) == "w.npz: a.npy has an unknown type, <f1"


def test_something_else_inside():
    assert refusal(archive({"readme.txt": b"hello"})) == (
        "w.npz: an .npz must hold .npy arrays only, and holds readme.txt"
    )


# the archive around them


def test_a_flipped_bit_in_the_values_is_found_by_the_checksum():
    data = bytearray(npz({"a": np.arange(100.0)}))
    data[300] ^= 1
    assert "Bad CRC-32" in refusal(bytes(data))


def test_cuts_are_refused():
    data = npz({"a": np.arange(100.0)}, compressed=True)
    for length in range(len(data)):
        refusal(data[:length])


def test_the_same_name_twice():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("a.npy", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            out.writestr("a.npy", b"2")
    assert "a.npy is in it twice" in refusal(file.getvalue())


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(method):
    """An LZMA stream can ask for 4 GiB of dictionary."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as out:
        out.writestr("a.npy", b"1")
    assert "a.npy must be stored or deflated, and not encrypted" in refusal(file.getvalue())


def test_a_directory_without_end():
    data = bytearray(npz({"a": np.zeros(2)}))
    data[-10:-6] = struct.pack("<I", 1 << 30)
    assert "its directory has 1,073,741,824 bytes, at most 1,048,576 are read" in refusal(bytes(data))


def test_zip64():
    data = npz({"a": np.zeros(2)})
    locator = b"PK\x06\x07" + bytes(16)
    assert "it is a zip64" in refusal(data[:-22] + locator + data[-22:])


def test_something_behind_the_archive():
    assert "its directory is not at its end" in refusal(npz({"a": np.zeros(2)}) + b"more")
