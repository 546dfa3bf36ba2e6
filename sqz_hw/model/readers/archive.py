"""Zip archives from strangers: what is read is bounded, whatever the archive says of itself."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from sqz_hw.errors import ModelFileError

MAGIC = b"PK\x03\x04"
MAX_DIRECTORY = 1 << 20
"""Bytes of the directory: some thousand entries, and a network has a few hundred tensors."""
_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_LOCATOR_MAGIC = b"PK\x06\x07"
_LOCATOR_BYTES = 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_FAULTS = (
    OSError, EOFError, LookupError, TypeError, ValueError, RuntimeError, ArithmeticError, struct.error,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What zipfile raises on damaged archives."""


class Archive:
    """A zip archive in memory whose entries are read up to a given number of bytes.

    Args:
        name: of the file, for messages.
        data: the whole archive.

    Raises:
        ModelFileError: it is damaged, too large a directory, encrypted or of an odd compression.
    """

    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        end = data[-_END.size :]
        if len(end) < _END.size or end[:4] != _END_MAGIC or end[-2:] != b"\0\0":
            raise self._damaged("its directory is not at its end")
        if data[-_END.size - _LOCATOR_BYTES : -_END.size].startswith(_LOCATOR_MAGIC):
            raise self._damaged("it is a zip64 of more than 4 GiB or 65,535 entries")
        directory = _END.unpack(end)[5]
        if directory > MAX_DIRECTORY:
            raise self._damaged(f"its directory has {directory:,} bytes, at most {MAX_DIRECTORY:,} are read")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            entries = self._zip.infolist()
        except _FAULTS as error:
            raise self._damaged(str(error) or type(error).__name__) from error
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            if entry.filename in self._entries:
                raise self._damaged(f"{entry.filename} is in it twice")
            if entry.compress_type not in _METHODS or entry.flag_bits & _ENCRYPTED:
                raise self._damaged(f"{entry.filename} must be stored or deflated, and not encrypted")
            self._entries[entry.filename] = entry

    @property
    def names(self) -> tuple[str, ...]:
        """The entries' names, in the directory's order."""
        return tuple(self._entries)

    def start(self, entry: str, most: int) -> bytes:
        """The first bytes of an entry, ``most`` at most.

        Raises:
            ModelFileError: the entry is damaged.
        """
        return self._read(entry, most, whole=False)

    def read(self, entry: str, most: int) -> bytes:
        """A whole entry.

        Raises:
            ModelFileError: the entry is damaged or unpacks to more than ``most`` bytes.
        """
        return self._read(entry, most, whole=True)

    def _read(self, entry: str, most: int, whole: bool) -> bytes:
        try:
            with self._zip.open(self._entries[entry]) as file:
                data = file.read(most)
                more = file.read(1) if whole else b""  # at the end, the checksum is compared
        except _FAULTS as error:
            raise self._damaged(f"{entry}: {error}") from error
        if more:
            raise self._damaged(f"{entry} unpacks to more than {most:,} bytes")
        return data

    def _damaged(self, why: str) -> ModelFileError:
        return ModelFileError(f"{self._name} must be an archive of weights, and cannot be read ({why})")
