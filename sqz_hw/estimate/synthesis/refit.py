"""Makes the package's calibration again from a file of reports: rows, fits, ratios and the picture."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis.calibration import COVER, FILE, calibrate
from sqz_hw.estimate.synthesis.figure import draw
from sqz_hw.estimate.synthesis.ground_truth import read
from sqz_hw.estimate.synthesis.layer import estimate_fifo, estimate_layer
from sqz_hw.estimate.synthesis.measured import MeasuredDesign
from sqz_hw.estimate.synthesis.post_synthesis import ratios
from sqz_hw.estimate.synthesis.rows import ROWS, Row, rows_of, write_rows
from sqz_hw.estimate.synthesis.totals import RESOURCES, SECTION, errors_of

FEWEST_ROWS = 20


def refit(designs: Path, folder: Path, picture: Path) -> dict[str, Any]:
    """Write ``calibration_rows.csv`` and ``calibration.json`` to a folder, and the picture.

    Returns:
        what calibration.json holds.

    Raises:
        BadInputError: the file is no list of designs, has too few layers to fit on, or too little of
            whole designs; or the results cannot be written. A file that is refused changes nothing.
    """
    measured, _ = read(designs)
    rows = rows_of(measured)
    if len(rows) < FEWEST_ROWS:
        raise BadInputError(
            f"a fit needs {FEWEST_ROWS} layers of known structure or more, and {designs} has {len(rows)}; "
            "name a file with more designs"
        )
    found = {name: errors_of(total_ratios(measured, rows, name)) for name in RESOURCES}
    both = ratios(measured)
    if any(not found[name]["designs"] or not both["resource"][name]["n"] for name in RESOURCES):
        raise BadInputError(
            "a fit needs a Resource design of stock kernels with all its layers, and a Resource design "
            f"with Vivado's synthesis beside csynth, and {designs} lacks one; name a file with more designs"
        )
    content = {"schema": 1, **fitted(rows), "post_synthesis": both, SECTION: found}
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    try:
        draw(rows, picture)
        write_rows(rows, folder / ROWS.name)
        (folder / FILE.name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise BadInputError(
            f"{error.filename or folder} cannot be written ({error.strerror}); choose another place"
        ) from error
    return content


def total_ratios(
    designs: Sequence[MeasuredDesign], rows: Sequence[Row], resource: str
) -> dict[str, list[float]]:
    """Real / predicted totals by repository, of stock Resource designs with all layers, by fits without it.

    The FIFOs count where the report lists them; where it does not, neither side has them.
    """
    found: dict[str, list[float]] = {}
    like_ours = [design for design in designs if design.counts and design.whole]
    repos = dict.fromkeys(design.repo for design in like_ours)
    without = {repo: calibrate([row for row in rows if row.repo != repo]) for repo in repos}
    for design in like_ours:
        layers = [estimate_layer(layer.facts, design.tool, without[design.repo]) for layer in design.layers]
        predicted = sum(getattr(each, resource).expected for each in layers)
        if design.fifos:
            for fifo in design.fifos:
                each = estimate_fifo(fifo.width_bits, fifo.depth, design.tool)
                predicted += fifo.count * getattr(each, resource).expected
            real = design.totals.get(resource, 0)
        else:
            real = sum(layer.figures.get(resource, 0) for layer in design.layers)
        if real and predicted:
            found.setdefault(design.repo, []).append(real / predicted)
    return found


def fitted(rows: Sequence[Row]) -> dict[str, Any]:
    """Fits by group and resource, and the sources with their numbers of rows, as plain values for JSON."""
    fits = calibrate(rows).fits
    sources = Counter((row.repo, row.commit) for row in rows)
    return {
        "interval": COVER,
        "sources": [{"repo": r, "commit": c, "rows": n} for (r, c), n in sorted(sources.items())],
        "fits": {
            group: {resource: fit.to_dict() for resource, fit in by_resource.items()}
            for group, by_resource in fits.items()
        },
    }
