"""Reads the C/RTL co-simulation report, and the list of transactions beside it.

Vivado HLS and Vitis HLS: a table with RTL, Status, Latency min/avg/max, Interval min/avg/max, and in
newer releases the total execution time. hls4ml runs the simulator itself (``run_sim.tcl``), and the
table then may have NA for every number; the transactions (``*.performance.result.transaction.xml``,
which is no XML) still have them, as hls4ml's own ``report/vivado_report.py`` knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sqz_hw.synth.report_file import damaged, read_report, rows, whole

STATUSES = ("Pass", "Fail", "NA")
LANGUAGES = ("Verilog", "VHDL", "SystemC")
_TRANSACTION = re.compile(r"^transaction +\d{1,9}: +(\S{1,20}) +(\S{1,20})\s*$")


@dataclass(frozen=True)
class CosimReport:
    """A co-simulation; cycles are None where the tool has no number (one transaction has no interval).

    Attributes:
        rtl: language that was simulated.
        passed: the test bench ended with 0.
        latency_min, latency_max: clock cycles from start to done.
        interval_min, interval_max: clock cycles from start to start.
    """

    rtl: str
    passed: bool
    latency_min: int | None
    latency_max: int | None
    interval_min: int | None
    interval_max: int | None


def parse_cosim(path: Path, transactions: Path | None = None) -> CosimReport:
    """The report's row of the language that was simulated.

    Args:
        path: ``<top>_cosim.rpt``.
        transactions: where to look for cycles if the report has none; it need not exist.

    Raises:
        ToolError: a file is damaged, or no language was simulated.
    """
    for cells in rows(path, read_report(path)):
        if cells[0] not in LANGUAGES:
            continue
        if len(cells) not in (8, 9) or cells[1] not in STATUSES:
            raise damaged(path, f"has a row for {cells[0]} of {len(cells)} cells, status {cells[1:2]}")
        if cells[1] == "NA":
            continue
        names = ("latency min", "", "latency max", "interval min", "", "interval max")
        cycles = [whole(path, name, cell) for name, cell in zip(names, cells[2:8], strict=True) if name]
        if cycles[0] is None and transactions is not None and transactions.is_file():
            cycles = _of_transactions(transactions)
        return CosimReport(cells[0], cells[1] == "Pass", *cycles)
    raise damaged(path, f"has no result for any of {', '.join(LANGUAGES)}")


def _of_transactions(path: Path) -> list[int | None]:
    latencies, intervals = [], []
    for line in read_report(path).splitlines():
        if not line.startswith("transaction"):
            continue
        found = _TRANSACTION.match(line)
        if found is None:
            raise damaged(path, f"is cut off in the line {line[:60]!r}")
        latencies.append(whole(path, "latency", found[1]))
        intervals.append(whole(path, "interval", found[2]))
    known = [n for n in latencies if n is not None]
    between = [n for n in intervals if n is not None]
    return [bound(values, default=None) for values in (known, between) for bound in (min, max)]
