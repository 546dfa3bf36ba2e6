"""Damage to a file: cut short, bytes changed, a piece doubled or moved."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from sqz_hw.errors import ToolError

Result = TypeVar("Result")

PIECES = (
    b"",
    b"|",
    b"\n",
    b"<",
    b"&x;",
    b"\xff",
    b"\x00",
    b"9" * 400,
    b"-",
    b"NA",
    b"?",
    "²".encode(),
    b"<!DOCTYPE p>",
)


def mutated(text: bytes, data: st.DataObject) -> bytes:
    """The text after one to three damages."""
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = min(len(text), start + data.draw(st.integers(0, 60)))
        kind = data.draw(st.sampled_from(["cut", "replace", "insert", "double"]))
        if kind == "cut":
            text = text[:start]
        elif kind == "replace":
            text = (
                text[:start]
                + data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)))
                + text[stop:]
            )
        elif kind == "insert":
            text = text[:start] + data.draw(st.sampled_from(PIECES)) + text[start:]
        else:
            text = text[:stop] + text[start:stop] + text[stop:]
    return text


def result_or_message(parse: Callable[[], Result]) -> Result | str:
    """What a parser returns, or the one line it says of a damaged file. Anything else comes through."""
    try:
        return parse()
    except ToolError as error:
        return str(error)
