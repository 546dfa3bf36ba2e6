"""A design of four layers without weights, its firmware, and a fake vendor's tool.

Nothing here knows TensorFlow or hls4ml.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vendor_reports import cosim_rpt, csynth_xml, timing, utilization

from sqz_hw.design import Design, DesignLayer, Op, Stream
from sqz_hw.fixed_point import FixedPoint

TYPE = FixedPoint(8, 4, True)
SHAPE = (4, 4, 2)
FIRMWARE = """
void myproject(hls::stream<input_t> &data, hls::stream<result_t> &layer9_out) {
    nnet::load_weights_from_txt<weight3_t, 1296>(w3, "w3.txt");
    nnet::zeropad2d_cl<input_t, layer2_t, config2>(data, layer2_out); // conv1_pad
    nnet::pointwise_conv_2d_cl<layer2_t, layer3_t, config98>(layer2_out, layer3_out, w3, b3); // conv1
    nnet::relu<layer3_t, layer4_t, relu_config4>(layer3_out, layer4_out); // relu_conv1
    nnet::clone_stream<layer4_t, layer4_t, 32>(layer4_out, layer5_cpy1, layer5_cpy2); // clone
    nnet::add<layer4_t, layer4_t, result_t, config9>(layer5_cpy1, layer5_cpy2, layer9_out); // add
}
"""
MODULES = {
    "zeropad2d_cl_array_array_ap_ufixed_8_0_4_0_0_3u_config2_s": "conv1_pad",
    "pointwise_conv_2d_cl_array_array_ap_fixed_2u_config98_s": "conv1",
    "relu_array_ap_fixed_2u_array_ap_ufixed_8_4_4_0_0_2u_relu_config4_s": "relu_conv1",
    "clone_stream_array_ap_fixed_2u_array_ap_ufixed_8_4_4_0_0_2u_32_s": "clone",
    "add_array_ap_fixed_2u_array_ap_fixed_8_4_4_0_0_2u_config9_s": "add",
}
NESTED = (
    "dense_resource_rf_leq_nin_ap_fixed_ap_fixed_config98_mult_s",
    "zeropad2d_cl_array_array_ap_ufixed_3u_config2_Pipeline_CopyMain",
    "pointwise_conv_2d_cl_array_array_ap_fixed_2u_config8_s",
)
"""Modules that are no layer's, with names much like a layer's."""


def design(clock_mhz: float = 100.0) -> Design:
    def layer(name: str, op: Op, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> DesignLayer:
        return DesignLayer(name, op, inputs, outputs, SHAPE, SHAPE, TYPE)

    layers = (
        layer("conv1_pad", Op.ZERO_PAD, ("data",), ("layer2_out",)),
        layer("conv1", Op.CONV, ("layer2_out",), ("layer3_out",)),
        layer("relu_conv1", Op.RELU, ("layer3_out",), ("layer4_out",)),
        layer("clone", Op.CLONE, ("layer4_out",), ("layer5_cpy1", "layer5_cpy2")),
        layer("add", Op.ADD, ("layer5_cpy1", "layer5_cpy2"), ("layer9_out",)),
    )
    source = {stream: one.name for one in layers for stream in one.outputs}
    sink = {stream: one.name for one in layers for stream in one.inputs}
    names = ["data", *source]
    streams = tuple(Stream(n, SHAPE, TYPE, 2, source.get(n), sink.get(n)) for n in names)
    return Design("small", "xc7z020", "Vitis", clock_mhz, layers, streams)


def write_project(root: Path) -> Path:
    """A build's folder with what of ``hls`` the synthesis needs."""
    hls = root / "hls"
    (hls / "firmware").mkdir(parents=True)
    (hls / "tb_data").mkdir()
    (hls / "firmware" / "myproject.cpp").write_text(FIRMWARE)
    (hls / "project.tcl").write_text(
        'variable project_name\nset project_name "myproject"\nset clock_period 10.0\n'
    )
    (hls / "build_prj.tcl").write_text("source build_opt.tcl\n")
    (hls / "build_opt.tcl").write_text("array set opt {\n    csim       1\n}\n")
    (hls / "vivado_synth.tcl").write_text("report_utilization -file vivado_synth.rpt\n")
    return root


def write_reports(folder: Path, *, cosim: bool = False, vivado: bool = False) -> None:
    """Reports as the tools leave them in ``folder``."""
    solution = folder / "myproject_prj" / "solution1"
    csynth = solution / "syn" / "report"
    csynth.mkdir(parents=True)
    (csynth / "myproject_csynth.xml").write_text(csynth_xml(latency=(900, 1000), interval=(400, 500)))
    (csynth / "csynth.xml").write_text("<profile/>")
    for number, module in enumerate([*MODULES, *NESTED], start=1):
        (csynth / f"{module}_csynth.xml").write_text(
            csynth_xml(
                module,
                latency=(number, 100 * number),
                interval=(number, 90 * number),
                amounts={"LUT": number, "DSP": 10 * number},
            )
        )
    if cosim:
        (solution / "sim" / "report").mkdir(parents=True)
        (solution / "sim" / "report" / "myproject_cosim.rpt").write_text(cosim_rpt())
        (folder / "tb_data").mkdir(exist_ok=True)
        for name in ("csim_results.log", "rtl_cosim_results.log"):
            (folder / "tb_data" / name).write_text("1.5 -2 \n0.25 3 \n")
    if vivado:
        (folder / "vivado_synth.rpt").write_text(utilization())
        (folder / "vivado_timing.rpt").write_text(timing())


FAKE = """#!{python}
import json, os, shutil, subprocess, sys, time
here = os.path.dirname(os.path.abspath(__file__))
mode = open(os.path.join(here, "mode")).read()
def say(*lines):
    for line in lines:
        print(line, flush=True)
with open("seen.json", "w") as file:
    json.dump({{"arguments": sys.argv[1:], "options": open("build_opt.tcl").read(), "stdin": sys.stdin.read()}}, file)
say("****** Vitis HLS - High-Level Synthesis from C, C++ and OpenCL v2024.1 (64-bit)",
    "***** C/RTL SYNTHESIS *****",
    "INFO: [HLS 200-1510] Running: csynth_design",
    "ERROR: [HLS 200-101] config_array_partition: Unknown option '-maximum_size'.",
    "INFO: [HLS 200-10] Starting hardware synthesis ...",
    "INFO: [HLS 200-42] -- Implementing module 'relu_config4_s'")
if mode == "fail":
    print("ERROR: [HLS 200-70] Compilation errors found: 'data_t' does not name a type", file=sys.stderr)
    say("INFO: [HLS 200-112] Total CPU user time: 3 seconds")
    sys.exit(1)
if mode == "crash":
    os.kill(os.getpid(), 11)
if mode == "hang":
    child = subprocess.Popen(["sleep", "300"])
    open("pids", "w").write(f"{{os.getpid()}} {{child.pid}}")
    os.rename("pids", "pids.txt")
    time.sleep(300)
if mode == "flood":
    for number in range(100_000):
        print("INFO: [HLS 200-111] flood", number)
    sys.stdout.write("x" * 3_000_000)
    sys.stdout.buffer.write(bytes([0xff, 0xfe, 13]) + b"after")
    sys.stdout.flush()
if mode == "background":
    subprocess.Popen(["sleep", "300"])
if mode != "early":
    shutil.copytree(os.path.join(here, "reports"), ".", dirs_exist_ok=True)
say("***** C/RTL SYNTHESIS COMPLETED IN 1h2m3s *****")
"""


def fake_tool(folder: Path, name: str, mode: str = "good", *, vivado: bool = False) -> Path:
    """A program that says what the vendor's says and copies prepared reports into the project."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(FAKE.format(python=sys.executable))
    program.chmod(0o755)
    (folder / "mode").write_text(mode)
    (folder / "reports").mkdir(exist_ok=True)
    if vivado:
        (folder / "vivado").write_text("#!/bin/sh\n")
        (folder / "vivado").chmod(0o755)
    return program
