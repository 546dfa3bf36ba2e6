"""How the views put numbers and findings into words; they read the report dict only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqz_hw.report.timing import TIMING_NOTE, clock_is_assumed, speaks_of_timing

NOT_ESTIMATED = "not estimated"
FITS = {"yes": "fits", "unsure": "may or may not fit", "no": "does not fit"}


def readable(value: Any) -> Any:
    """A copy of a report whose texts are one line of printable characters (no escape codes)."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value).strip() or "?"
    if isinstance(value, Mapping):
        return {readable(key): readable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [readable(item) for item in value]
    return value


def count(number: float | None) -> str:
    """``1,234``, ``12.5``, or ``not estimated`` for None."""
    if number is None:
        return NOT_ESTIMATED
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 image``, ``1,024 images``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def significant(number: float) -> str:
    """Three significant digits, and all digits of a whole number: ``0.0123``, ``4.92``, ``12,345``."""
    if number == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    text = f"{number:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def bits(number: int) -> str:
    """Bits in the largest unit that leaves 1 or more: ``96 bits``, ``36 Kib``, ``4.92 Mib``."""
    return _binary(number, ("bits", "Kib", "Mib", "Gib"))


def size(number: int) -> str:
    """Bytes likewise: ``96 bytes``, ``36 KiB``, ``4.92 MiB``."""
    return _binary(number, ("bytes", "KiB", "MiB", "GiB"))


def _binary(number: int, units: tuple[str, ...]) -> str:
    if number == 0:
        return "0"
    power = min(len(units) - 1, max(0, number.bit_length() - 1) // 10)
    return f"{significant(number / 1024**power)} {units[power]}"


def duration(microseconds: float) -> str:
    """``8.2 us``, ``12.3 ms`` or ``1.5 s``."""
    for unit, factor in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= factor:
            return f"{significant(microseconds / factor)} {unit}"
    return f"{significant(microseconds)} us"


def percent(part: float | None, whole: float) -> str:
    """``85 %``, ``0.3 %``; ``-`` where either is missing."""
    if part is None or whole <= 0:
        return "-"
    share = 100 * part / whole
    return f"{share:.1f} %" if 0 < share < 10 else f"{share:.0f} %"


def model(report: Mapping[str, Any]) -> str:
    """What is computed, in a sentence."""
    m = report["model"]
    text = (
        f"{m['name']} ({m['architecture']}): {m['parameters']:,} parameters, "
        f"{percent(m['nonzeros'], m['parameters'])} not zero, {m['weight_bits']}-bit weights"
    )
    if m["code_bits"] is not None:
        text += f" shared through {m['code_bits']}-bit codes"
    if m.get("fire_density") is not None:
        text += f", density of the Fire modules {percent(m['fire_density'], 1)}"
    return (
        f"{text}; {size(m['dense_bytes'])} dense, {size(m['compressed_bytes'])} compressed; "
        f"{m['macs']:,} multiplications an image, {m['nonzero_macs']:,} with a weight that is not zero"
    )


def verification(report: Mapping[str, Any]) -> str:
    """What the comparison found, in a sentence."""
    v = report["verification"]
    on = f"{plural(v['images'], 'image')} ({v['source']})"
    engines = _listed(v["compared"]) or "engines"
    elements = sum(row["elements"] for row in v["layers"])
    tensors = plural(len(v["layers"]), "tensor")
    if v["bit_exact"] is None:
        return "not verified: nothing was compared"
    if v["bit_exact"]:
        text = f"bit-exact: {engines} agree on all {elements:,} values of {tensors}, {on}"
        if v.get("float64_layers"):
            text += f"; QKeras in float64 for {', '.join(v['float64_layers'])}"
        return text
    bad = [row for row in v["layers"] if row["mismatches"]]
    if not bad:
        return f"outputs differ: {engines}, {on}"
    return (
        f"outputs differ: {engines} disagree on {sum(row['mismatches'] for row in bad):,} of {elements:,} "
        f"values in {len(bad)} of {tensors}, first in {bad[0]['name']}, by up to "
        f"{significant(max(row['max_abs_error_lsb'] for row in bad))} LSB, {on}"
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def accuracy(report: Mapping[str, Any]) -> str:
    """Accuracy and agreement with the float model, in a sentence."""
    v = report["verification"]
    known = v.get("accuracy")
    if known:
        found = [
            f"{engine} top-1 {row['top1']:.1f} %"
            + ("" if row["top5"] is None else f", top-5 {row['top5']:.1f} %")
            for engine, row in sorted(known.items())
        ]
        text = f"accuracy on {plural(v['images'], 'image')}: " + "; ".join(found)
    else:
        text = "accuracy was not measured"
    if v["float_agreement_top1"] is not None:
        text += f"; the float model's top class on {v['float_agreement_top1']:.1f} % of the images"
    return text


def accumulators(report: Mapping[str, Any]) -> str:
    """Bits of the accumulators against hls4ml's own choice, in a sentence."""
    found = report["accumulators"]
    saved = found["auto_bits"] - found["tight_bits"]
    return (
        f"accumulators {found['tight_bits']:,} bits, {percent(saved, found['auto_bits'])} fewer than "
        f"hls4ml's auto ({found['auto_bits']:,})"
    )


def latency(column: Mapping[str, Any]) -> str:
    """One latency column, in a sentence that starts with its kind."""
    text = (
        f"{column['kind']}: latency {plural(column['latency_cycles'], 'cycle')} "
        f"({duration(column['latency_us'])}), an image every {plural(column['interval_cycles'], 'cycle')} "
        f"({significant(column['fps'])} images/s) at {clock(column)}"
    )
    return text if column["bottleneck"] is None else f"{text}; bottleneck {column['bottleneck']}"


def clock(column: Mapping[str, Any]) -> str:
    """``100 MHz (assumed)``."""
    return f"{column['clock_mhz']:g} MHz ({column['clock_status']})"


def memory(report: Mapping[str, Any]) -> str:
    """The memory map, in a sentence that starts with its kind."""
    m = report["memory"]
    return (
        f"{m['kind']}: weights {bits(m['weights_bits'])} + line buffers {bits(m['line_buffer_bits'])} + "
        f"FIFOs {bits(m['fifo_bits'])} = {bits(m['total_bits'])} of {bits(m['budget_bits'])} "
        f"({percent(m['total_bits'], m['budget_bits'])})"
    )


def column_title(column: Mapping[str, Any]) -> str:
    """``estimate of what vivado reports, by sqz_hw 0.1``; ``csynth, by Vitis HLS 2023.2``."""
    what = column["kind"]
    if column["predicts"] is not None:
        what += f" of what {column['predicts']} reports"
    return f"{what}, by {column['tool']}"


def verdict(report: Mapping[str, Any]) -> str:
    """``fits xc7z020``."""
    return f"{FITS[report['verdict']['fits']]}: {report['part']['name']}"


def timing(report: Mapping[str, Any]) -> str | None:
    """The note on timing while no clock is met, else None."""
    return TIMING_NOTE if clock_is_assumed(report) else None


def reasons(report: Mapping[str, Any]) -> list[str]:
    """The verdict's reasons, the note on timing among them while no clock is met."""
    given: list[str] = report["verdict"]["reasons"]
    note = timing(report)
    return [*given] if note is None or speaks_of_timing(report) else [*given, note]
