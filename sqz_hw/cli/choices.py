"""What training chose by sensitivity, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table


def choice_tables(line: Mapping[str, Any]) -> Iterator[Table]:
    """Tables of loss increases, with what was chosen for each layer.

    Args:
        line: a choice as ``train_log.jsonl`` has it; one made without measuring gives no table.
    """
    if line.get("by") != "sensitivity":
        return
    base = f"loss increase of each layer alone; validation loss {line['validation_loss']:.4f}"
    if "densities" in line:
        title = f"density: {base}; {line['nonzero_macs']:,} nonzero MACs"
        yield _table(title, line["loss_increase"], {k: f"{v:.3f}" for k, v in line["densities"].items()})
        return
    for what, rows in line["loss_increase"].items():
        stored = f"; {line['stored_bits']:,} of {line['memory_bits']:,} bits" if what == "weights" else ""
        chosen = {k: str(v) for k, v in line["bits"][what].items()}
        yield _table(f"bits of {what}: {base}{stored}", rows, chosen)


def _table(title: str, rows: Mapping[str, Mapping[str, float]], chosen: Mapping[str, str]) -> Table:
    table = Table("layer", title=title, title_justify="left")
    columns = list(next(iter(rows.values()), {}))
    for column in (*columns, "chosen"):
        table.add_column(column, justify="right")
    for layer, row in rows.items():
        table.add_row(layer, *(f"{row[c]:+.4f}" for c in columns), chosen[layer])
    return table
