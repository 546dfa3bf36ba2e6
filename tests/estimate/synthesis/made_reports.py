"""Reports that the tests write, in the schema of hls_designs.json, and where the real ones lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

GROUND_TRUTH = Path(__file__).resolve().parents[4] / "shared" / "ground_truth" / "hls_designs.json"
"""Not part of the repository: tests that need it are skipped where it is not."""


def conv(reuse_factor: int = 144, cycles: int = 14800, **csynth: int) -> dict[str, Any]:
    """A 3x3 Resource convolution, 10x10x8 to 8x8x16, ap_fixed<16,6> (a public layer's own figures)."""
    return {
        "kind": "conv2d",
        "cfg": {
            "in_height": 10, "in_width": 10, "n_chan": 8, "filt_height": 3, "filt_width": 3, "n_filt": 16,
            "out_height": 8, "out_width": 8, "n_in": 72, "n_out": 16, "reuse_factor": reuse_factor,
            "strategy": "resource", "implementation": "linebuffer",
        },
        "types": {
            "input": [16, 6, 1], "output": [16, 6, 1], "weight": [16, 6, 1], "bias": [16, 6, 1],
            "accum": [16, 6, 1], "input_elems_per_beat": 8, "output_elems_per_beat": 16,
        },
        "csynth": {
            "latency_max": cycles, "interval_max": cycles, "BRAM_18K": 4, "DSP": 8, "FF": 3061, "LUT": 8541,
            **csynth,
        },
    }  # fmt: skip


def relu(words: int = 64, lanes: int = 16) -> dict[str, Any]:
    """A ReLU, ap_fixed<16,6>."""
    return {
        "kind": "relu",
        "cfg": {"n_in": words * lanes},
        "types": {
            "input": [16, 6, 1], "output": [16, 6, 1],
            "input_elems_per_beat": lanes, "output_elems_per_beat": lanes,
        },
        "csynth": {"latency_max": words + 3, "BRAM_18K": 0, "DSP": 0, "FF": 17, "LUT": 105 + 47 * lanes},
    }  # fmt: skip


def design(layers: list[Any], **more: Any) -> dict[str, Any]:
    """A stock Resource design of Vivado HLS 2019.2.1 for an UltraScale+ part at 5 ns."""
    return {
        "id": "made", "repo": "nobody/made", "commit": "0", "tool": "Vivado HLS", "tool_version": "2019.2.1",
        "part": "xcvu9p-flgb2104-2-i", "clock_ns": 5, "kernels": "stock", "strategy": "resource",
        "io_type": "io_stream", "caveats": [], "layers": layers, "fifos": [],
        "top": {"interval_max": 14801, "csynth": {"LUT": 1000, "FF": 1000, "DSP": 8, "BRAM_18K": 4}},
        **more,
    }  # fmt: skip
