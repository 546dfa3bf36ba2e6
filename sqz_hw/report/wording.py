"""How the views put numbers and findings into words; they read the report dict only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqz_hw.report.sections import ALEXNET
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
    power = min(len(units) - 1, max(0, int(number).bit_length() - 1) // 10)
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


def interval(span: Mapping[str, float]) -> str:
    """``21,000 to 41,000``; ``-`` where low and high are the same."""
    return "-" if span["low"] == span["high"] else f"{count(span['low'])} to {count(span['high'])}"


def ratio(span: Mapping[str, float]) -> str:
    """How many times low high is: ``2.0``; ``-`` where low is 0 or both are the same."""
    return "-" if span["low"] in (0, span["high"]) else f"{span['high'] / span['low']:.1f}"


def spread(span: Mapping[str, float]) -> str:
    """How wide an estimate is: ``high is 2.0 times low``."""
    if span["low"] == 0:
        return "low is 0, so the interval has no ratio"
    return f"high is {span['high'] / span['low']:.1f} times low"


def signed(share: float | None) -> str:
    """``+12.5 %``, ``-3.0 %``; ``-`` where it is not known."""
    return "-" if share is None else "0.0 %" if share == 0 else f"{share:+.1f} %"


def percentage(share: float | None) -> str:
    """``84.6 %``; ``-`` where it is not known."""
    return "-" if share is None else f"{share:.1f} %"


def yes_no(answer: bool | None) -> str:
    """``yes``, ``no`` or ``-``."""
    return {True: "yes", False: "no", None: "-"}[answer]


def known(value: float | str | None) -> str:
    """The value, a number with its thousands apart; ``-`` for None."""
    return "-" if value is None else value if isinstance(value, str) else count(value)


def megabytes(number: int) -> str:
    """Decimal megabytes, as papers count them: ``240 MB``."""
    return f"{significant(number / 1e6)} MB"


def held(row: Mapping[str, Any]) -> str:
    """Whether a part holds a model: ``block RAM``, ``with URAM``, or ``no: short by 1.2 Mib``."""
    answer: str = row["answer"]
    return f"no: short by {bits(row['short_bits'])}" if answer == "no" else answer


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


def shipped(report: Mapping[str, Any]) -> str | None:
    """Bytes to ship over the air, beside float32 and AlexNet; None where not known."""
    m = report["model"]
    if m.get("shipped_bytes") is None or m.get("float_bytes") is None:
        return None
    sent = m["shipped_bytes"]
    floats, alexnet = (significant(round(whole / sent, 1)) for whole in (m["float_bytes"], ALEXNET.bytes))
    return (
        f"{sent:,} bytes to ship (Deep Compression), {floats} times fewer than as float32, "
        f"{alexnet} times fewer than AlexNet's {megabytes(ALEXNET.bytes)}"
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
        f"({percent(m['total_bits'], m['budget_bits'])}){_rest_of(report)}"
    )


def beyond_memory(report: Mapping[str, Any]) -> str:
    """``0.56 Mib more than the part's block RAM and URAM hold``; "" if they hold it."""
    over = report["memory"]["total_bits"] - report["memory"]["budget_bits"]
    return f"{bits(over)} more than the part's block RAM and URAM hold{_rest_of(report)}" if over > 0 else ""


def _rest_of(report: Mapping[str, Any]) -> str:
    """Where a design that fits has what block RAM and URAM do not hold."""
    m = report["memory"]
    fits = report["verdict"]["fits"] == "yes"
    return "; the rest lies in LUTs" if fits and m["total_bits"] > m["budget_bits"] else ""


def steady(segments: Sequence[Any]) -> str:
    """``: busy 98 %, waits for input 2 %, for room 0 %`` of a steady interval; "" where not known."""
    words = ("busy", "waits for input", "for room")
    shares = [f"{name} {percent(s.width, 100)}" for name, s in zip(words, segments, strict=False)]
    return ": " + ", ".join(shares) if shares else ""


def fifos(report: Mapping[str, Any]) -> str:
    """The FIFOs, in a sentence."""
    rows = [row for row in report["fifos"]["streams"] if row["stored"] != "port"]
    blocks = [row for row in rows if row["stored"] == "block RAM"]
    text = (
        f"{plural(len(rows), 'FIFO')} hold {bits(sum(row['bits'] for row in rows))}; "
        f"{len(blocks):,} of them, {bits(sum(row['bits'] for row in blocks))}, are expected in block RAM"
    )
    waited = [row for row in rows if row["stalls"]]
    if waited:
        worst = max(waited, key=lambda row: row["stalls"])
        return (
            f"{text}; {len(waited):,} of them fill up and make their writer wait, {worst['name']} "
            f"longest ({plural(worst['stalls'], 'cycle')} an image)"
        )
    if any(row["high_water"] is not None for row in rows):
        return f"{text}; none of them makes its writer wait"
    return text


def zeros(report: Mapping[str, Any]) -> str:
    """What zeros are worth to this hardware, in a sentence or two."""
    if report["zeros"]["skipped"]:
        return "These kernels skip multiplications by zero."
    return (
        "These kernels ignore zeros: they multiply by them like by any other weight. Pruning saves "
        "bytes in storage and transfer, and no cycle."
    )


def column_title(column: Mapping[str, Any]) -> str:
    """``estimate of what vivado reports, by sqz_hw 0.1``; ``csynth, by Vitis HLS 2023.2``."""
    what = column["kind"]
    if column["predicts"] is not None:
        what += f" of what {column['predicts']} reports"
    return f"{what}, by {column['tool']}"


def layers_title(column: Mapping[str, Any] | None) -> str:
    """Whose resources a layer table shows; "" for nobody's."""
    if column is None:
        return ""
    return column_title(column) + (", expected" if column["kind"] == "estimate" else "")


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


def images_per_second(section: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """What a part's folding gives at the section's clock; ``-`` where it does not fit."""
    if row["fits"] == "no":
        return "-"
    return significant(section["clock_mhz"] * 1e6 / row["interval"])


def short(row: Mapping[str, Any]) -> str:
    """``BRAM18: 805 expected, 280 there``; ``-`` where nothing is short."""
    return (
        "; ".join(f"{s['resource']}: {s['expected']:,} expected, {s['budget']:,} there" for s in row["short"])
        or "-"
    )
