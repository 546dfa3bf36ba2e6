"""A whole plan in Verilator against the golden model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sqz_hw.design import Design
from sqz_hw.rtl import bench
from sqz_hw.rtl.generate import write_rtl
from sqz_hw.rtl.plan import Plan
from sqz_hw.rtl.simulate import Measured, compile_plan, run_images
from sqz_hw.verify.golden import GoldenModel


def exact_runs(design: Design, plan: Plan, images: np.ndarray, folder: Path) -> Iterator[Measured]:
    """Lint, then the images without and with stalls; every tensor must be the golden model's."""
    network = plan.network
    sources = write_rtl(plan, folder / "rtl")
    bench.lint("sqz_top", sources, {}, folder / "lint")
    accelerator = compile_plan(
        plan, sources, folder / "rtl" / "memory", folder / "build", probes=True, optimise="-O0"
    )
    wanted = GoldenModel(design).run(images)
    for p_valid, p_ready in ((1000, 1000), (500, 400)):
        found = run_images(accelerator, images, folder / "run", p_valid=p_valid, p_ready=p_ready)
        assert set(found.tensors) >= {stage.output.name for stage in network.stages}
        for name, codes in found.tensors.items():
            np.testing.assert_array_equal(codes, wanted[name], err_msg=name)
        np.testing.assert_array_equal(found.outputs, wanted[network.result.name].reshape(len(images), -1))
        yield found
