"""Layers and designs as synthesis reports measured them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqz_hw.estimate.synthesis.facts import LayerFacts, ToolFacts


@dataclass(frozen=True)
class Skipped:
    """What could not be used, and why."""

    design: str
    reason: str
    layer: str | None = None

    def to_dict(self) -> dict[str, str]:
        """Plain values for JSON."""
        plain = {"design": self.design, "reason": self.reason}
        return plain if self.layer is None else {**plain, "layer": self.layer}


@dataclass(frozen=True)
class MeasuredLayer:
    """A layer with csynth's figures for it.

    Attributes:
        name: kind and index, for tables.
        facts: what the model sees.
        cycles: csynth's worst case (``latency_max``), None where it is not stated.
        figures: csynth's LUT, FF, DSP and BRAM18, those that are stated.
        vivado: LUT and FF of the same module after Vivado's synthesis, where stated.
        calibrates: its structure is that of hls4ml's kernels and known well enough to be fitted on.
        dsp_is_circular: the reuse factor was computed from DSP.
    """

    name: str
    facts: LayerFacts
    cycles: int | None
    figures: Mapping[str, int]
    vivado: Mapping[str, int]
    calibrates: bool
    dsp_is_circular: bool

    @property
    def not_compared(self) -> tuple[str, ...]:
        """Figures of the layer that are not held against the model, each with the reason."""
        missing = [name for name in ("LUT", "FF", "DSP", "BRAM18") if name not in self.figures]
        if self.cycles is None:
            missing.insert(0, "cycles")
        reasons = [f"not stated by csynth: {', '.join(missing)}"] if missing else []
        if self.dsp_is_circular and "DSP" in self.figures:
            reasons.append("DSP: the reuse factor was computed from it")
        return tuple(reasons)


@dataclass(frozen=True)
class MeasuredFifo:
    """One row of FIFOs: ``count`` of them, each ``depth`` words of ``width_bits``; figures are of all."""

    width_bits: int
    depth: int
    count: int
    bram18: int | None
    ff: int | None


@dataclass(frozen=True)
class MeasuredDesign:
    """A design with its reports.

    Attributes:
        name, repo, commit: where it is from.
        tool: the tool it went through.
        stock: hls4ml's own kernels, by the file's own judgement.
        strategy: ``resource`` or ``latency``.
        layers: those that could be used, in dataflow order.
        whole: every layer of the file could be used.
        busy_known: every convolution and dense layer could be used; the busiest layer is one of them.
        fifos: those that are stated.
        interval: csynth's worst case between two images, None where it is not stated.
        totals: csynth's LUT, FF, DSP and BRAM18 of the core.
        fifo_lut: csynth's LUT of all FIFOs.
        vivado: LUT and FF after Vivado's synthesis.
        cosim: RTL simulation's figures, as in the file.
    """

    name: str
    repo: str
    commit: str
    tool: ToolFacts
    stock: bool
    strategy: str
    layers: tuple[MeasuredLayer, ...]
    whole: bool
    busy_known: bool
    fifos: tuple[MeasuredFifo, ...]
    interval: int | None
    totals: Mapping[str, int]
    fifo_lut: int | None
    vivado: Mapping[str, int]
    cosim: Mapping[str, int]

    @property
    def counts(self) -> bool:
        """Stock kernels of the Resource strategy: what the bars are about."""
        return self.stock and self.strategy == "resource"
