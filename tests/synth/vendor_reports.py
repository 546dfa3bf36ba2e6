"""Small report files in the vendor's own layouts, for the parsers and the fake tool.

The layouts were learnt from reports in public repositories: Vivado HLS 2019.2, Vitis HLS 2024.1,
Vivado 2018.3 to 2025.1 (figures here are made up unless a test says where they are from).
"""

from __future__ import annotations

AMOUNTS = {"BRAM_18K": 3, "DSP": 370, "FF": 3097, "LUT": 11875, "URAM": 0}
AVAILABLE = {"BRAM_18K": 280, "DSP": 220, "FF": 106400, "LUT": 53200, "URAM": 0}


def csynth_xml(
    name: str = "myproject",
    *,
    version: str = "2024.1",
    latency: tuple[object, object] = (393, 395),
    interval: tuple[object, object] = (390, 391),
    amounts: dict[str, object] | None = None,
    target: str = "10.00",
    dsp: str = "DSP",
) -> str:
    used = {**AMOUNTS, **(amounts or {})}
    rows = "".join(f"<{dsp if k == 'DSP' else k}>{v}</{dsp if k == 'DSP' else k}>\n" for k, v in used.items())
    has = "".join(
        f"<{dsp if k == 'DSP' else k}>{v}</{dsp if k == 'DSP' else k}>\n" for k, v in AVAILABLE.items()
    )
    return f"""<profile>

<ReportVersion>
<Version>{version}</Version>
</ReportVersion>

<UserAssignments>
<unit>ns</unit>
<ProductFamily>zynq</ProductFamily>
<Part>xc7z020-clg400-1</Part>
<TopModelName>{name}</TopModelName>
<TargetClockPeriod>{target}</TargetClockPeriod>
<ClockUncertainty>2.70</ClockUncertainty>
<FlowTarget>vivado</FlowTarget>
</UserAssignments>

<PerformanceEstimates>
<PipelineType>dataflow</PipelineType>
<SummaryOfTimingAnalysis>
<unit>ns</unit>
<EstimatedClockPeriod>7.289</EstimatedClockPeriod>
</SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<unit>clock cycles</unit>
<Best-caseLatency>{latency[0]}</Best-caseLatency>
<Average-caseLatency>{latency[0]}</Average-caseLatency>
<Worst-caseLatency>{latency[1]}</Worst-caseLatency>
<Best-caseRealTimeLatency>3.930 us</Best-caseRealTimeLatency>
<Worst-caseRealTimeLatency>3.950 us</Worst-caseRealTimeLatency>
<DataflowPipelineThroughput>{interval[0]}</DataflowPipelineThroughput>
<Interval-min>{interval[0]}</Interval-min>
<Interval-max>{interval[1]}</Interval-max>
</SummaryOfOverallLatency>
<SummaryOfLoopLatency>
<ReadInputWidth>
<Slack>3.65</Slack>
<TripCount>130</TripCount>
<Latency>391</Latency>
</ReadInputWidth>
</SummaryOfLoopLatency>
</PerformanceEstimates>

<AreaEstimates>
<Resources>
{rows}</Resources>
<AvailableResources>
{has}</AvailableResources>
</AreaEstimates>

<InterfaceSummary>
<RtlPorts>
<name>ap_clk</name>
<Object>conv_2d_cl&lt;array&lt;ap_fixed,9u&gt;,config3&gt;</Object>
<Scope></Scope>
</RtlPorts>
</InterfaceSummary>

</profile>
"""


def csynth_rpt(
    name: str = "myproject",
    *,
    tool: str = "Vitis HLS",
    version: str = "2024.1 (Build 5069499 on May 21 2024)",
    latency: tuple[object, object] = (393, 395),
    interval: tuple[object, object] = (390, 391),
    amounts: dict[str, object] | None = None,
) -> str:
    used = {**AMOUNTS, **(amounts or {})}
    dsp = "DSP48E" if tool == "Vivado HLS" else "DSP  "
    total = "|".join(f"{used[k]:>9}" for k in AMOUNTS)
    has = "|".join(f"{AVAILABLE[k]:>9}" for k in AMOUNTS)
    bar = "+---------------------+---------+-------+---------+---------+------+"
    return f"""

================================================================
== {tool} Report for '{name}'
================================================================
* Date:           Wed Mar 18 13:58:00 2026

* Version:        {version}
* Project:        myproject_prj
* Solution:       solution1 (Vivado IP Flow Target)
* Product family: zynq
* Target device:  xc7z020-clg400-1


================================================================
== Performance Estimates
================================================================
+ Timing:
    * Summary:
    +--------+---------+----------+------------+
    |  Clock |  Target | Estimated| Uncertainty|
    +--------+---------+----------+------------+
    |ap_clk  | 10.00 ns|  7.289 ns|     2.70 ns|
    +--------+---------+----------+------------+

+ Latency:
    * Summary:
    +---------+---------+----------+----------+-----+-----+---------+
    |  Latency (cycles) |  Latency (absolute) |  Interval | Pipeline|
    |   min   |   max   |    min   |    max   | min | max |   Type  |
    +---------+---------+----------+----------+-----+-----+---------+
    |{latency[0]:>9}|{latency[1]:>9}|  3.930 us|  3.950 us|{interval[0]:>5}|{interval[1]:>5}| dataflow|
    +---------+---------+----------+----------+-----+-----+---------+

    + Detail:
        * Instance:
        +---------------------+----------------------+---------+---------+-----------+-----------+-----+-----+---------+
        |       Instance      |        Module        |   min   |   max   |    min    |    max    | min | max |   Type  |
        |grp_compute_fu_138   |compute_s             |        3|        3|  15.000 ns|  15.000 ns|    3|    3|      yes|
        +---------------------+----------------------+---------+---------+-----------+-----------+-----+-----+---------+


================================================================
== Utilization Estimates
================================================================
* Summary:
{bar}
|         Name        | BRAM_18K| {dsp} |    FF   |   LUT   | URAM |
{bar}
|DSP                  |        -|      -|        -|        -|     -|
|Expression           |        -|      -|        0|       42|     -|
|Instance             |        -|    370|     3078|    11723|     -|
{bar}
|Total                |{total}|
{bar}
|Available SLR        |        1|      1|        1|        1|     1|
{bar}
|Utilization SLR (%)  |        0|     12|       ~0|        2|     0|
{bar}
|Available            |{has}|
{bar}
|Utilization (%)      |        0|      3|       ~0|       ~0|     0|
{bar}

+ Detail:
    * Instance:
    +-----------+--------+---------+-----+------+-------+-----+
    |Total      |        |        9|    9|     9|      9|    9|
    +-----------+--------+---------+-----+------+-------+-----+
"""


OLD_CSYNTH_RPT = """

================================================================
== Vivado HLS Report for 'myproject'
================================================================
* Date:           Tue May 28 10:00:00 2019

* Version:        2018.2 (Build 2258646 on Thu Jun 14 20:25:20 MDT 2018)
* Project:        myproject_prj
* Solution:       solution1
* Product family: virtexuplus
* Target device:  xcvu9p-flgb2104-2-i


================================================================
== Performance Estimates
================================================================
+ Timing (ns):
    * Summary:
    +--------+-------+----------+------------+
    |  Clock | Target| Estimated| Uncertainty|
    +--------+-------+----------+------------+
    |ap_clk  |   5.00|     4.368|        0.62|
    +--------+-------+----------+------------+

+ Latency (clock cycles):
    * Summary:
    +------+------+------+------+----------+
    |   Latency   |   Interval  | Pipeline |
    |  min |  max |  min |  max |   Type   |
    +------+------+------+------+----------+
    |  2132|     ?|  1024|     ?| dataflow |
    +------+------+------+------+----------+

    + Detail:
        * Instance:
        N/A


================================================================
== Utilization Estimates
================================================================
* Summary:
+-----------------+---------+-------+---------+---------+
|       Name      | BRAM_18K| DSP48E|    FF   |   LUT   |
+-----------------+---------+-------+---------+---------+
|DSP              |        -|      -|        -|        -|
|Total            |       47|     64|     5999|    17899|
|Available        |     4320|   6840|  2364480|  1182240|
|Utilization (%)  |        1|   ~0  |    ~0   |        1|
+-----------------+---------+-------+---------+---------+
"""


def cosim_rpt(
    *,
    status: str = "Pass",
    latency: tuple[object, object, object] = (175, 180, 190),
    interval: tuple[object, object, object] = (100, 101, 102),
    total: bool = True,
) -> str:
    nothing = "|".join(["NA".rjust(15)] * 6)
    cells = "|".join(str(n).rjust(15) for n in (*latency, *interval))
    last = "|                  {:>4}|" if total else "|"
    return f"""Report time       : Wed Mar 11 03:40:07 PM PDT 2026.
Solution          : solution1.
Simulation tool   : xsim.

+----------+----------+-----------------------------------------------+-----------------------------------------------+
|          |          |             Latency(Clock Cycles)             |              Interval(Clock Cycles)           |
+   RTL    +  Status  +-----------------------------------------------+-----------------------------------------------+
|          |          |      min      |      avg      |      max      |      min      |      avg      |      max      |
+----------+----------+-----------------------------------------------+-----------------------------------------------+
|      VHDL|        NA|{nothing}{last.format("NA")}
|   Verilog|{status:>10}|{cells}{last.format(1071)}
+----------+----------+-----------------------------------------------+-----------------------------------------------+
"""


TRANSACTIONS = """                             latency        interval
transaction       0:             175             100
transaction       1:             190             102
transaction       2:             180               x
"""


def heading(
    command: str, *, version: str = "v.2024.1", design: str = "myproject", state: str | None = "Optimized"
) -> str:
    last = "" if state is None else f"| Design State : {state}\n"
    return f"""Copyright 1986-2022 Xilinx, Inc. All Rights Reserved. Copyright 2022-2024 Advanced Micro Devices, Inc. All Rights Reserved.
---------------------------------------------------------------------------------------------------------
| Tool Version : Vivado {version} (lin64) Build 5076996 Wed May 22 18:36:09 MDT 2024
| Date         : Wed Mar 11 16:11:20 2026
| Host         : host running 64-bit Ubuntu 22.04.5 LTS
| Command      : {command}
| Design       : {design}
| Device       : xc7z020clg400-1
| Speed File   : -1
{last}---------------------------------------------------------------------------------------------------------
"""


def utilization(
    *,
    state: str = "Optimized",
    design: str = "myproject",
    lut: object = 35992,
    ff: object = 38984,
    tiles: object = "69.5",
    dsp: object = 212,
    uram: object = None,
    ultrascale: bool = False,
    version: str = "v.2024.1",
) -> str:
    name = "CLB" if ultrascale else "Slice"
    memory = (
        ""
        if uram is None
        else f"| URAM              | {uram:>4} |     0 |          0 |      1280 |  0.00 |\n"
    )
    return (
        heading("report_utilization -file vivado_synth.rpt", state=state, design=design, version=version)
        + f"""
Utilization Design Information

Table of Contents
-----------------
1. {name} Logic
2. Memory

1. {name} Logic
--------------

+----------------------------+--------+-------+------------+-----------+-------+
|          Site Type         |  Used  | Fixed | Prohibited | Available | Util% |
+----------------------------+--------+-------+------------+-----------+-------+
| {name} LUTs*                | {lut:>6} |     0 |          0 |     53200 | 67.65 |
|   LUT as Logic             |  31140 |     0 |          0 |     53200 | 58.53 |
|   LUT as Memory            |   4852 |     0 |          0 |     17400 | 27.89 |
|     LUT as Distributed RAM |    228 |     0 |            |           |       |
|     LUT as Shift Register  |   4624 |     0 |            |           |       |
| {name} Registers            | {ff:>6} |     0 |          0 |    106400 | 36.64 |
|   Register as Flip Flop    | {ff:>6} |     0 |          0 |    106400 | 36.64 |
| F8 Muxes                   |      3 |     0 |          0 |     13300 | <0.01 |
+----------------------------+--------+-------+------------+-----------+-------+
* Warning! The Final LUT count, after physical optimizations and full implementation, is typically lower.


1.1 Summary of Registers by Type
--------------------------------

+--------+--------------+-------------+--------------+
|  Total | Clock Enable | Synchronous | Asynchronous |
+--------+--------------+-------------+--------------+
| 0      |            _ |           - |            - |
+--------+--------------+-------------+--------------+


2. Memory
---------

+-------------------+------+-------+------------+-----------+-------+
|     Site Type     | Used | Fixed | Prohibited | Available | Util% |
+-------------------+------+-------+------------+-----------+-------+
| Block RAM Tile    | {tiles:>4} |     0 |          0 |       140 | 49.64 |
|   RAMB36/FIFO*    |   69 |     0 |          0 |       140 | 49.29 |
|     RAMB36E1 only |   69 |       |            |           |       |
|   RAMB18          |    1 |     0 |          0 |       280 |  0.36 |
{memory}+-------------------+------+-------+------------+-----------+-------+


3. DSP
------

+----------------+------+-------+------------+-----------+-------+
|    Site Type   | Used | Fixed | Prohibited | Available | Util% |
+----------------+------+-------+------------+-----------+-------+
| DSPs           | {dsp:>4} |     0 |          0 |       220 | 96.36 |
|   DSP48E1 only |  212 |       |            |           |       |
+----------------+------+-------+------------+-----------+-------+


7. Primitives
-------------

+----------+--------+---------------------+
| Ref Name |  Used  | Functional Category |
+----------+--------+---------------------+
| FDRE     | 373078 |            Register |
+----------+--------+---------------------+
"""
    )


def timing(
    *,
    wns: object = "2.587",
    whs: object = "0.069",
    period: str | None = "10.000",
    state: str | None = "Optimized",
    sentence: str = "All user specified timing constraints are met.",
    design: str = "myproject",
) -> str:
    names = (
        "WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints"
        "      WHS(ns)      THS(ns)  THS Failing Endpoints  THS Total Endpoints"
        "     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  TPWS Total Endpoints"
    )
    clock = (
        ""
        if period is None
        else f"""

------------------------------------------------------------------------------------------------
| Clock Summary
| -------------
------------------------------------------------------------------------------------------------

Clock   Waveform(ns)         Period(ns)      Frequency(MHz)
-----   ------------         ----------      --------------
ap_clk  {{0.000 5.000}}        {period}           100.000

"""
    )
    return (
        heading("report_timing_summary -file vivado_timing.rpt", state=state, design=design)
        + f"""
Timing Summary Report

------------------------------------------------------------------------------------------------
| Timer Settings
| --------------
------------------------------------------------------------------------------------------------

  Enable Multi Corner Analysis               :  Yes

------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    {names}
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------  -------------------     --------     --------  ----------------------  --------------------
      {wns}        0.000                      0                  420        {whs}        0.000                      0                  420        2.225        0.000                       0                   245


{sentence}
{clock}
"""
    )
