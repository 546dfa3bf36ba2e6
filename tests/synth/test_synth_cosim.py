from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synth_mutation import mutated, result_or_message
from vendor_reports import TRANSACTIONS, cosim_rpt

from sqz_hw.errors import ToolError
from sqz_hw.synth.cosim import LANGUAGES, CosimReport, parse_cosim


def _write(folder: Path, text: str | bytes) -> Path:
    path = folder / "myproject_cosim.rpt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("total", [True, False], ids=["Vitis HLS", "Vivado HLS"])
def test_the_row_that_was_simulated(tmp_path: Path, total: bool) -> None:
    assert parse_cosim(_write(tmp_path, cosim_rpt(total=total))) == CosimReport(
        "Verilog", True, 175, 190, 100, 102
    )


def test_failed(tmp_path: Path) -> None:
    assert not parse_cosim(_write(tmp_path, cosim_rpt(status="Fail"))).passed


def test_one_transaction_has_no_interval(tmp_path: Path) -> None:
    report = parse_cosim(_write(tmp_path, cosim_rpt(latency=(7, 7, 7), interval=("NA", "NA", "NA"))))
    assert (report.latency_max, report.interval_min, report.interval_max) == (7, None, None)


def test_transactions_fill_in_what_the_report_lacks(tmp_path: Path) -> None:
    nothing = ("NA", "NA", "NA")
    path = _write(tmp_path, cosim_rpt(latency=nothing, interval=nothing))
    transactions = tmp_path / "t.xml"
    assert parse_cosim(path, transactions) == CosimReport("Verilog", True, None, None, None, None)
    transactions.write_text(TRANSACTIONS)
    assert parse_cosim(path, transactions) == CosimReport("Verilog", True, 175, 190, 100, 102)
    transactions.write_text(TRANSACTIONS[:-10])
    with pytest.raises(ToolError, match="is cut off in the line 'transaction"):
        parse_cosim(path, transactions)


TEXT = cosim_rpt()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no result for any of Verilog, VHDL, SystemC"),
        (TEXT[: TEXT.index("   Verilog")], "has no result for any of"),
        (TEXT[: TEXT.index("      175") + 23], "is cut off in the line"),
        (TEXT.replace("      Pass", "   Perhaps"), "has a row for Verilog of 9 cells, status ['Perhaps']"),
        (TEXT.replace("175|", "1 5|"), "gives latency min as '1 5'"),
        (TEXT.replace("|            175|            180", ""), "has a row for Verilog of 7 cells"),
    ],
)  # fmt: skip
def test_damage_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ToolError) as raised:
        parse_cosim(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_mutated_bytes_give_a_report_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    nothing = ("NA", "NA", "NA")
    text = data.draw(st.sampled_from([TEXT, cosim_rpt(latency=nothing, interval=nothing)]))
    transactions = folder / "t.xml"
    transactions.write_bytes(mutated(TRANSACTIONS.encode(), data))
    path = _write(folder, mutated(text.encode(), data))
    given = result_or_message(lambda: parse_cosim(path, transactions))
    if isinstance(given, str):
        assert given.startswith((f"the report {path} ", f"the report {transactions} "))
        assert "\n" not in given
    else:
        assert given.rtl in LANGUAGES
