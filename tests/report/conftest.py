"""A full report of a small design, and variants of it."""

import dataclasses

import pytest
from examples import rich

from sqz_hw.estimate.layer_resources import LayerResources
from sqz_hw.estimate.parts import resolve
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.verdict import Verdict
from sqz_hw.report.content import (
    Accuracy,
    LatencyColumn,
    LayerComparison,
    LayerCycles,
    LayerMemory,
    MemorySection,
    ModelSection,
    NotCompared,
    PartSection,
    Report,
    ResourceColumn,
    VerificationSection,
)

LAYERS = ("conv1", "pool1", "fire2_squeeze", "fire2_expand1x1", "fire2_expand3x3", "fire2_concat", "conv10")


@pytest.fixture(scope="session")
def report() -> Report:
    """Fits, bit-exact, estimated and synthesised, with accuracy."""
    return Report(
        model=ModelSection(
            "squeezenet-cifar",
            "v1.0",
            123_456,
            49_382,
            8,
            4,
            123_456,
            30_100,
            45_600_000,
            18_200_000,
            0.33,
            shipped_bytes=24_000,
            float_bytes=493_824,
        ),
        part=PartSection.of(resolve("pynq-z2")),
        verification=VerificationSection(
            images=32,
            source="cifar10, test set",
            compared=("golden", "csim"),
            layers=tuple(LayerComparison(name, 32 * 4096, 0, 0) for name in LAYERS),
            bit_exact=True,
            float_agreement_top1=96.875,
            not_compared=(NotCompared("softmax", "the host's"),),
            accuracy={"golden": Accuracy(88.2, 99.1), "csim": Accuracy(88.2, None)},
        ),
        resources=(
            ResourceColumn(
                "estimate",
                "vivado",
                "sqz_hw 0.1.0",
                {
                    "LUT": Range(21_000, 30_500, 41_000),
                    "DSP": Range(150, 180, 240),
                    "BRAM18": Range(120, 141, 150),
                    "BRAM36": Range(60, 71, 75),
                    "URAM": Range(0, 0, 0),
                },
                tuple(LayerResources(name, {"DSP": Range(1, 20, 30), "LUT": None}) for name in LAYERS),
            ),
            ResourceColumn(
                "csynth",
                None,
                "Vitis HLS 2023.2",
                {"LUT": Range.exactly(60_000), "FF": Range.exactly(40_000), "DSP": Range.exactly(181)},
            ),
        ),
        latency=(
            LatencyColumn(
                "estimate",
                100,
                "assumed",
                61_234,
                36_864,
                "conv1",
                tuple(LayerCycles(name, 36_864 >> i) for i, name in enumerate(LAYERS)),
            ),
            LatencyColumn("cosim", 100, "assumed", 61_811, 36_902, None),
        ),
        memory=MemorySection(
            "estimate",
            1_204_000,
            310_000,
            98_304,
            resolve("pynq-z2").memory_bits,
            tuple(LayerMemory(name, 100_000 * i, 4096, 512) for i, name in enumerate(LAYERS)),
        ),
        verdict=Verdict("yes", ("every resource's high end is within the budget, but for DSP",)),
    )


@pytest.fixture(scope="session")
def variants(report: Report) -> dict[str, Report]:
    """The cases that the views must stand."""
    change = dataclasses.replace
    bad = (LayerComparison("conv1", 4096, 12, 2.5), LayerComparison("conv10", 10, 0, 0))
    silent = change(report.verification, accuracy=None, float_agreement_top1=None, not_compared=())
    unestimated = change(report.resources[0], totals={"DSP": Range(200, 300, 400)}, layers=())
    met = change(report.latency[0], clock_status="met")
    return {
        "full": report,
        "rich": rich(report),
        "unlabelled": change(report, verification=silent),
        "differs": change(
            report,
            verification=change(silent, layers=bad, bit_exact=False),
            verdict=Verdict("unsure", ("x",)),
        ),
        "nothing compared": change(
            report, verification=change(silent, images=0, compared=(), layers=(), bit_exact=None)
        ),
        "too large": change(
            report,
            resources=(unestimated,),
            memory=change(report.memory, weights_bits=9_000_000, layers=()),
            verdict=Verdict("no", ("300 DSP are expected, and the part has 220",)),
        ),
        "bare": change(
            report,
            model=change(report.model, fire_density=None, code_bits=None),
            resources=(),
            latency=(),
            memory=change(report.memory, layers=()),
            verification=change(silent, layers=()),
        ),
        "clock met": change(report, latency=(met,)),
        "large part": change(report, part=PartSection.of(resolve("xcu250"))),
        "hostile": change(
            report,
            model=change(report.model, name='<script>alert("x")</script>|`*\x1b[31m\n\u202e[a](b)\ud800'),
            latency=(change(report.latency[0], bottleneck="<b>|x"),),
            verdict=Verdict("unsure", ("<img src=x onerror=y>",)),
        ),
    }
