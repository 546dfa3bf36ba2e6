"""Parts and boards: names, numbers, refusals."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.errors import UnknownPartError
from sqz_hw.estimate.parts import Part, all_boards, all_parts, resolve

DEVICES = Path(__file__).resolve().parents[3] / "shared" / "ground_truth" / "devices.json"


def test_short_name_gives_the_default_full_name():
    part = resolve("xc7z020")
    assert (part.name, part.full_name, part.family) == ("xc7z020", "xc7z020clg400-1", "zynq-7000")
    assert (part.lut, part.ff, part.dsp) == (53200, 106400, 220)
    assert (part.bram36, part.bram18, part.uram) == (140, 280, 0)
    assert part.memory_bits == 140 * 36864
    assert part.budget["BRAM18"] == 280
    assert list(part.budget) == ["LUT", "FF", "DSP", "BRAM18", "BRAM36", "URAM", "memory_bits"]


def test_memory_counts_uram():
    part = resolve("xck26")
    assert part.memory_bits == 144 * 36864 + 64 * 294912


@pytest.mark.parametrize(
    ("text", "name", "full_name"),
    [
        ("xc7z020clg400-1", "xc7z020", "xc7z020clg400-1"),
        ("xc7z020-clg400-1", "xc7z020", "xc7z020-clg400-1"),
        ("XC7Z020-CLG484-3", "xc7z020", "xc7z020-clg484-3"),
        ("xc7z020iclg400-1L", "xc7z020", "xc7z020iclg400-1L"),
        ("xc7a35ticsg324-1l", "xc7a35t", "xc7a35ticsg324-1L"),
        ("xc7a35tlcpg236-2L", "xc7a35t", "xc7a35tlcpg236-2L"),
        ("xczu3eg-sbva484-1-e", "xczu3eg", "xczu3eg-sbva484-1-e"),
        ("xczu3eg-sfvc784-2LV-E", "xczu3eg", "xczu3eg-sfvc784-2LV-e"),
        ("xck26-sfvc784-2LVI-i", "xck26", "xck26-sfvc784-2LVI-i"),
        ("xcu250-figd2104-2l-e", "xcu250", "xcu250-figd2104-2L-e"),
        ("xcu50-fsvh2104-2L-e", "xcu50", "xcu50-fsvh2104-2L-e"),
        ("xcvu9p-flgb2104-2-i", "xcvu9p", "xcvu9p-flgb2104-2-i"),
        ("xcvu13p-fhgb2104-2L-e", "xcvu13p", "xcvu13p-fhgb2104-2L-e"),
        ("  xc7z045ffg900-2 ", "xc7z045", "xc7z045ffg900-2"),
    ],
)
def test_the_full_name_given_is_kept(text, name, full_name):
    part = resolve(text)
    assert (part.name, part.full_name) == (name, full_name)


@pytest.mark.parametrize("text", ["pynq-z2", "PYNQ-Z2", "Pynq_Z2", "pynq z2", "pynqz2", " PynqZ2 "])
def test_boards_in_any_spelling(text):
    assert resolve(text) == resolve("xc7z020clg400-1")


def test_a_board_brings_its_own_package_and_grade():
    assert resolve("zedboard").full_name == "xc7z020clg484-1"
    assert resolve("nexys video").full_name == "xc7a200tsbg484-1"
    assert resolve("Ultra96-V2").full_name == "xczu3eg-sbva484-1-i"
    assert resolve("zybo-z7-10").name == "xc7z010"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("xc7z02", "part must be a known part or board, not 'xc7z02'; nearest: xc7z020, xc7z010, xc7z045"),
        ("pynq-z3", "part must be a known part or board, not 'pynq-z3'; nearest: pynq-z1, pynq-z2"),
        (
            "xc7z030sbg485-1",
            "part must be a known part or board, not 'xc7z030sbg485-1'; nearest: xc7z010, xc7z0",
        ),
        ("cyclone", "part must be a known part or board, not 'cyclone'; parts: xc7z010, xc7z020,"),
        ("", "part must be a known part or board, not ''; parts: xc7z010,"),
    ],
)
def test_unknown_names_get_the_nearest(text, message):
    with pytest.raises(UnknownPartError) as caught:
        resolve(text)
    assert str(caught.value).startswith(message)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "xc7z020clg999-1",
        "xc7z020clg400",
        "xc7z020clg400-9",
        "xc7z020clg400-1-e",
        "xc7z020lclg400-2L",
        "xc7z020x",
        "xc7z020clg400-1\nrm",
        "xczu3eg-sbva484-1",
        "xczu3egsbva484-1-e",
        "xczu3eg-ffvb1156-1-e",
        "xcu250-figd2104-2L-e" + "-" * 80,
        "xc7z020clg400-\u0661",
        "xc7z020clg400-1" + "-" * 80,
    ],
)
def test_a_known_part_with_a_wrong_suffix_is_refused(text):
    with pytest.raises(UnknownPartError, match="must be followed by one of its packages"):
        resolve(text)


def test_the_suffix_message_says_what_to_write():
    with pytest.raises(UnknownPartError) as caught:
        resolve("xc7z020clg999-1")
    assert str(caught.value) == (
        "part xc7z020 must be followed by one of its packages (clg400, clg484) and a speed grade, "
        "as in xc7z020clg400-1, not 'xc7z020clg999-1'; write xc7z020 alone for that one"
    )


def test_every_part_resolves_by_both_names():
    parts = all_parts()
    assert len({p.name for p in parts}) == len(parts)
    for part in parts:
        assert resolve(part.name) == part
        assert resolve(part.full_name) == part
        assert part.source
        assert min(part.lut, part.ff, part.dsp, part.bram36) > 0


def test_every_board_carries_a_known_part():
    boards = all_boards()
    for board, part in boards.items():
        assert resolve(board) == resolve(part.full_name) == part
    wanted = "pynq-z1 pynq-z2 zedboard arty-z7-20 zybo-z7-20 zybo-z7-10 ultra96-v2 kv260 kr260 zcu104 zcu102"
    wanted += (
        " zc706 arty-a7-35 arty-a7-100 basys3 nexys-a7-100t nexys-video alveo-u50 alveo-u250 vcu118 genesys-2"
    )
    assert set(wanted.split()) <= set(boards)


def test_numbers_agree_with_the_collected_device_table():
    if not DEVICES.is_file():
        pytest.skip("the collected device table is not beside this checkout")
    devices = {k: v for k, v in json.loads(DEVICES.read_text()).items() if not k.startswith("_")}
    assert devices.keys() <= {part.name for part in all_parts()}
    for name, row in devices.items():
        part = resolve(name)
        got = {"LUT": part.lut, "FF": part.ff, "DSP": part.dsp, "BRAM36": part.bram36, "URAM": part.uram}
        assert got == {key: row[key] for key in got}, name


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=100) | st.from_regex(r"xc7z0[12]0[a-z0-9\-]{0,12}", fullmatch=True))
def test_any_text_is_a_part_or_a_one_line_refusal(text):
    try:
        outcome: Part | str = resolve(text)
    except UnknownPartError as error:
        outcome = str(error)
    assert isinstance(outcome, Part) or (outcome.isprintable() and outcome.startswith("part "))
