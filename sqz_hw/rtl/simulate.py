"""Whole images through an accelerator in Verilator: outputs, every tensor, clocks, stalls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import BadInputError
from sqz_hw.rtl import bench
from sqz_hw.rtl.core import clocks
from sqz_hw.rtl.plan import Plan
from sqz_hw.rtl.tools import HOUR

Images = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int64]
PROBE = Path(bench.LIBRARY).parent / "simulation" / "sqz_probe.sv"
TOP = "sqz_network"
SPARE = 10
"""Times the predicted clocks after which a simulation is given up."""
SLOWEST = 1000
"""Clocks a second that a simulation makes at least, on a machine that is not too busy for it."""
_STAT = re.compile(r"^STAT \S*?sqz_network\.(?P<name>\S+) (?P<kind>\w+) (?P<values>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Measured:
    """What a simulation of some images showed.

    Attributes:
        outputs: codes out, images x words.
        tensors: codes by stream of the design, images x height x width x channels; empty without probes.
        latency: clocks from an image's first pixel to its last word out, for the first image.
        interval: clocks from image to image in the steady state (the mean after the first two);
            of two images the one there is, of one its latency.
        useful: share of the multiplier lanes' clocks in the steady state with a weight that is not zero.
        busy: for each core, the share of all clocks in which an entry left.
        queues: for each queue, its depth and the most it held.
    """

    outputs: Codes
    tensors: Mapping[str, Codes]
    latency: int
    interval: float
    useful: float
    busy: Mapping[str, float]
    queues: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Accelerator:
    """A compiled accelerator.

    Attributes:
        plan: what it is.
        simulation: the program.
        probes: it writes every tensor.
    """

    plan: Plan
    simulation: bench.Simulation
    probes: bool


def compile_plan(
    plan: Plan,
    sources: list[Path],
    memory: Path,
    folder: Path,
    *,
    probes: bool = False,
    optimise: str = "-O1",
) -> Accelerator:
    """Compile a project for simulation.

    Args:
        plan: the accelerator.
        sources: its Verilog, as ``write_rtl`` gives it.
        memory: folder of its ``.mem`` files.
        folder: for everything that is built.
        probes: record every tensor (slower).
        optimise: the C++ compiler's level.

    Raises:
        ToolError: Verilator or g++ is missing or failed.
    """
    network = [path for path in sources if path.name != "sqz_top.sv"]
    ports = bench.Ports(plan.in_bits, plan.out_bits, last="top->out_last")
    simulation = bench.compile_module(
        TOP, [*network, PROBE], {}, ports, folder, memory,
        defines=["SQZ_STATS", *(["SQZ_PROBE"] if probes else [])], optimise=optimise,
    )  # fmt: skip
    return Accelerator(plan, simulation, probes)


def run_images(
    accelerator: Accelerator,
    images: Images,
    scratch: Path,
    *,
    p_valid: int = 1000,
    p_ready: int = 1000,
    seed: int = 1,
) -> Measured:
    """Simulate images, one right after the other.

    Args:
        accelerator: from ``compile_plan``.
        images: uint8, N x H x W x 3.
        scratch: folder for words in and out.
        p_valid, p_ready: per mille of clocks in which pixels are offered and results taken.
        seed: of the stalls.

    Raises:
        BadInputError: images of another shape, or none.
        OutputsDifferError: it got stuck.
        ToolError: the simulation failed, or took many times the clocks that the plan predicts.
    """
    plan = accelerator.plan
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != plan.network.pixels.shape:
        raise BadInputError(
            f"images must be uint8, N x {' x '.join(map(str, plan.network.pixels.shape))}, "
            f"not {images.dtype}, {' x '.join(map(str, images.shape))}; resize them"
        )
    if not len(images):
        raise BadInputError("a simulation needs at least one image, not none; give more images")
    bits = np.unpackbits(images.reshape(-1, 1), axis=1, bitorder="little")
    rare = max(1, min(p_valid, p_ready))
    predicted = _clocks(plan, len(images)) * 1000 // rare
    found = bench.simulate(
        accelerator.simulation,
        [bits],
        len(images) * plan.words_out,
        scratch,
        seed=seed,
        p_valid=p_valid,
        p_ready=p_ready,
        max_cycles=max(1_000_000_000, SPARE * predicted),
        idle_limit=_patience(plan) * 1000 // rare,
        timeout=max(HOUR, predicted / SLOWEST),
    )
    outputs = _values(found.words[0], plan.out_bits).reshape(len(images), plan.words_out)
    done = found.cycles[0][plan.words_out - 1 :: plan.words_out].astype(np.int64)
    begun = found.in_cycles[0][:: plan.words_in].astype(np.int64)
    gaps = np.diff(done)
    latency = int(done[0] - begun[0]) + 1
    interval = float(gaps[1:].mean()) if len(gaps) > 1 else float(gaps[0]) if len(gaps) else float(latency)
    busy, queues = _statistics(found.log)
    tensors = _tensors(plan, accelerator.simulation.data, len(images)) if accelerator.probes else {}
    return Measured(
        outputs, tensors, latency, interval, useful_products(plan) / (lanes(plan) * interval), busy, queues
    )


def _interval(plan: Plan) -> int:
    """Predicted clocks of the slowest core for an image."""
    rows = {stage.name: rows for stage, rows in plan.network.sparse}
    return max((clocks(core, rows[name]) for name, cores in plan.cores.items() for core in cores), default=0)


def _patience(plan: Plan) -> int:
    """Clocks without a word in or out after which it is stuck: an image is under way for some intervals."""
    return max(2_000_000, 4 * _interval(plan))


def _clocks(plan: Plan, count: int) -> int:
    """Predicted clocks for some images, and for as many more as one is under way (with room)."""
    return (count + 10) * max(_interval(plan), plan.words_in, plan.words_out)


def useful_products(plan: Plan) -> int:
    """Products of an image with a weight that is not zero."""
    return sum(rows.nonzeros * rows.height * rows.width for _, rows in plan.network.sparse)


def lanes(plan: Plan) -> int:
    """Multiplier lanes; a DSP slice that two share counts as two."""
    return sum(folding.pixels * folding.cores for folding in plan.foldings.values())


def _values(bits: bench.Bits, width: int) -> Codes:
    codes: Codes = (bits.reshape(len(bits), -1, width).astype(np.int64) << np.arange(width)).sum(axis=2)
    return codes


def _statistics(log: str) -> tuple[dict[str, float], dict[str, tuple[int, int]]]:
    busy: dict[str, float] = {}
    queues: dict[str, tuple[int, int]] = {}
    for match in _STAT.finditer(log):
        values = {key: int(value) for key, value in (pair.split("=") for pair in match["values"].split())}
        if match["kind"] == "core":
            busy[match["name"]] = values["issued"] / max(1, values["cycles"])
        else:
            queues[match["name"]] = (values["depth"], values["high_water"])
    return busy, queues


def _tensors(plan: Plan, folder: Path, count: int) -> dict[str, Codes]:
    """The probes' records, each a map for each image."""
    result = {}
    for link in plan.links:
        if link.tensor is None:
            continue
        tensor = plan.network.tensor(link.tensor)
        height, width, channels = tensor.shape
        blocks = height * tensor.pitch // link.pixels
        lines = (folder / f"{link.tensor}.probe").read_text().split()[: count * blocks * channels]
        size = -(-link.width // 8)
        raw = np.frombuffer(b"".join(int(line, 16).to_bytes(size, "little") for line in lines), np.uint8)
        bits = np.unpackbits(raw.reshape(-1, size), axis=1, bitorder="little")[:, : link.width]
        words = _values(bits, tensor.type.width)  # words x pixels
        maps = words.reshape(count * blocks, channels, link.pixels).transpose(0, 2, 1)
        flowing = maps.reshape(count, height, tensor.pitch, channels)[:, :, :width]
        border = tensor.border
        whole = np.zeros((count, height + 2 * border, width + 2 * border, channels), np.int64)
        whole[...] = tensor.constants or 0
        whole[:, border : border + height, border : border + width] = flowing
        result[link.tensor] = whole
    return result
