"""A report with every section: three Fire modules, one without bypass, one of each kind of bypass."""

from __future__ import annotations

import dataclasses

from sqz_hw.estimate.budget import Held, MemoryNeed, PartMemory
from sqz_hw.estimate.every_part import PartVerdict, Shortage
from sqz_hw.estimate.layer_resources import LayerResources
from sqz_hw.estimate.ranges import Range
from sqz_hw.report.content import (
    Accuracy,
    LatencyColumn,
    LayerComparison,
    LayerCycles,
    LayerMemory,
    Report,
    ResourceColumn,
)
from sqz_hw.report.sections import (
    ALEXNET,
    BudgetSection,
    Calibration,
    FifoSection,
    NetworkLayer,
    PartVerdicts,
    StreamRow,
    ZerosCase,
    ZerosSection,
)

VALUE, SUM, WEIGHT = "ap_ufixed<6,2>", "ap_fixed<17,6>", "ap_fixed<6,1>"


class Rows:
    """Collects the layers of a network; each method returns the name of the layer that it adds."""

    def __init__(self) -> None:
        self.rows: list[NetworkLayer] = []
        self.shapes: dict[str | None, tuple[int, int, int]] = {None: (32, 32, 3)}
        self.types: dict[str | None, str] = {None: "ap_ufixed<8,0>"}

    def add(self, name, op, inputs, out, type_, fire=None, kernel=0, stride=0, multipliers=None):
        read = self.shapes[inputs[0]]
        macs = 0 if multipliers is None else out[0] * out[1] * kernel * kernel * read[2] * out[2]
        row = NetworkLayer(
            name, op, fire, inputs, read, out, self.types[inputs[0]], type_, kernel, stride,
            WEIGHT if multipliers else None, SUM if multipliers else None,
            kernel * kernel * read[2] * out[2] // multipliers if multipliers else None, multipliers,
            macs, macs // 2,
        )  # fmt: skip
        self.rows.append(row)
        self.shapes[name], self.types[name] = out, type_
        return name

    def conv(self, name, x, channels, kernel=1, fire=None, relu="relu_", multipliers=4):
        if kernel == 3:
            h, w, c = self.shapes[x]
            x = self.add(f"{name}_pad", "zero_pad", (x,), (h + 2, w + 2, c), self.types[x])
        h, w, _ = self.shapes[x]
        out = (h - kernel + 1, w - kernel + 1, channels)
        x = self.add(name, "conv", (x,), out, SUM, fire, kernel, 1, multipliers)
        return self.add(f"{relu}{name}", "relu", (x,), out, VALUE, fire)

    def fire(self, fire, x, squeeze, expand, bypass="none"):
        s = self.conv(f"{fire}_squeeze1x1", x, squeeze, 1, fire)
        clone = self.add(f"clone_{fire}", "clone", (s,), self.shapes[s], VALUE, fire)
        one = self.conv(f"{fire}_expand1x1", clone, expand, 1, fire)
        three = self.conv(f"{fire}_expand3x3", clone, expand, 3, fire, multipliers=2)
        h, w, _ = self.shapes[one]
        merged = self.add(f"{fire}_concat", "concat", (one, three), (h, w, 2 * expand), VALUE, fire)
        if bypass == "none":
            return merged
        if bypass == "complex":
            x = self.conv(f"{fire}_bypass1x1", x, 2 * expand, 1, fire)
        out = (h, w, 2 * expand)
        added = self.add(f"{fire}_add", "add", (x, merged), out, "ap_ufixed<7,3>", fire)
        return self.add(f"{fire}_relu_add", "relu", (added,), out, VALUE, fire)


def network() -> tuple[NetworkLayer, ...]:
    """conv1, a pool, Fire modules of all kinds, conv10, the sum over the map."""
    net = Rows()
    x = net.conv("conv1", None, 16, 3, multipliers=8)
    x = net.add("pool1", "max_pool", (x,), (15, 15, 16), VALUE, None, 3, 2)
    x = net.fire("fire2", x, 4, 8)
    x = net.fire("fire3", x, 4, 8, "simple")
    x = net.fire("fire4", x, 8, 16, "complex")
    x = net.conv("conv10", x, 10)
    net.add("pool10", "global_sum", (x,), (1, 1, 10), "ap_fixed<20,9>")
    return tuple(net.rows)


def _cycles(rows: tuple[NetworkLayer, ...], interval: int) -> tuple[LayerCycles, ...]:
    found = []
    for i, row in enumerate(rows):
        pixels = row.out_shape[0] * row.out_shape[1]
        cycles = pixels * ((row.reuse_factor or 0) + 1) + 4
        waits = interval - cycles
        found.append(
            LayerCycles(row.name, cycles, 90 * i, 90 * i + cycles, cycles, waits // 3, waits - waits // 3)
        )
    return tuple(found)


def _layer_resources(row: NetworkLayer) -> LayerResources:
    logic = {"LUT": Range(40, 100, 160), "FF": Range(30, 60, 90)}
    parts = {"logic": logic, "fifo": {"LUT": Range(5, 8, 40)}}
    if row.multipliers:
        parts["weights"] = {"LUT": Range(0, 200, 500), "BRAM18": Range(0, 2, 4)}
        parts["line_buffer"] = {"LUT": Range(10, 20, 30)}
        parts["window"] = {"FF": Range.exactly(54)}
    dsp = Range(0, row.multipliers or 0, row.multipliers or 0)
    return LayerResources(
        row.name, {"LUT": Range(55, 328, 730), "FF": Range(30, 114, 200), "DSP": dsp}, parts
    )


def rich(report: Report) -> Report:
    """The given report with every section that a report can have."""
    rows = network()
    interval = max(row.cycles for row in _cycles(rows, 10**6))
    cycles = _cycles(rows, interval)
    slowest = max(cycles, key=lambda row: row.cycles)
    totals = {
        "LUT": Range(20_000, 30_000, 60_000),
        "FF": Range(20_000, 25_000, 30_000),
        "DSP": Range(0, 54, 54),
        "BRAM18": Range(20, 40, 300),
        "BRAM36": Range(10, 20, 150),
        "URAM": Range.exactly(0),
    }
    vivado = ResourceColumn(
        "estimate", "vivado", "Vitis HLS 2024.2", totals,
        tuple(_layer_resources(row) for row in rows),
        {"LUT": Calibration(14, 23.5, 0.857, 2.4), "FF": Calibration(14, 17.0, 0.929, 2.1)},
    )  # fmt: skip
    csynth = dataclasses.replace(
        vivado,
        predicts="csynth",
        totals={**totals, "LUT": Range(40_000, 66_000, 99_000)},
        layers=vivado.layers[1:3],
    )
    measured = (
        ResourceColumn(
            "csynth",
            None,
            "Vitis HLS 2023.2",
            {"LUT": Range.exactly(60_000)},
            (LayerResources("conv1", {"LUT": Range.exactly(400)}),),
        ),
        ResourceColumn("vivado", None, "Vivado 2023.2", {"LUT": Range.exactly(24_000), "DSP": ZERO}),
    )
    latency = LatencyColumn("estimate", 100, "assumed", 61_234, interval, slowest.name, cycles)
    return dataclasses.replace(
        report,
        resources=(csynth, vivado, *measured),
        latency=(latency, LatencyColumn("cosim", 100, "assumed", 61_811, interval + 100, None)),
        memory=dataclasses.replace(
            report.memory,
            layers=tuple(LayerMemory(row.name, 1000 * (row.multipliers or 0), 4096, 512) for row in rows),
        ),
        verification=dataclasses.replace(
            report.verification,
            compared=("qkeras", "golden", "csim"),
            layers=tuple(LayerComparison(row.name, 32 * 4096, 0, 0) for row in rows),
            accuracy={
                "float": Accuracy(88.8, 99.3),
                **dict.fromkeys(("qkeras", "golden", "csim"), Accuracy(88.2, 99.1)),
            },
        ),
        network=rows,
        fifos=FifoSection(
            "estimate",
            tuple(
                StreamRow(
                    f"layer{i}_out", None if i == 0 else rows[i - 1].name, row.name, 96, 2 + 30 * (i % 3),
                    96 * (2 + 30 * (i % 3)), "port" if i == 0 else "block RAM" if i % 3 else "registers or LUTs",
                    2, 5 * (i == 4),
                )
                for i, row in enumerate(rows)
            ),
        ),
        zeros=ZerosSection(
            "estimate",
            False,
            (
                ZerosCase("as pruned", "counted", 49_382, 123_456, 30_100, 4_000_000, 1_900_000, 36_864, 2712.674, 17_000),
                ZerosCase("not pruned", "assumed", 123_456, 123_456, 123_456, 4_000_000, 4_000_000, 36_864, 2712.674, 36_000),
            ),
        ),
        every_part=PartVerdicts(
            "estimate",
            16,
            100.0,
            (
                PartVerdict("xc7z020", "no", 90000, (Shortage("BRAM18", 805, 280), Shortage("LUT", 69191, 53200))),
                PartVerdict("xczu9eg", "yes", 3780, ()),
            ),
        ),
        budgets=BudgetSection(
            "estimate",
            tuple(MemoryNeed(bits, bits * 700_000, 12_000, 310_000, 98_304) for bits in (4, 6, 8)),
            (
                PartMemory("xc7z020", 5_160_960, 0, 1_113_600, (Held(4, "block RAM", 0), Held(6, "block RAM", 0), Held(8, "with LUT RAM", 0))),
                PartMemory("xck26", 5_308_416, 18_874_368, 3_686_400, (Held(4, "block RAM", 0), Held(6, "block RAM", 0), Held(8, "with URAM", 0))),
                PartMemory("xcu50", 1_000_000, 0, None, (Held(4, "no", 2_220_304), Held(6, "no", 3_620_304), Held(8, "no", 5_020_304))),
            ),
            (ALEXNET,),
        ),
        notes=("Vivado gives no slack: no clock was constrained",),
    )  # fmt: skip


ZERO = Range.exactly(0)
