"""What Yosys is told: a batch of modules side by side, and how they are mapped to a family's primitives.

Of UltraScale's DSP slices Yosys uses the multiplier alone: its pass that packs registers and the adder knows
DSP48E1, not DSP48E2. So that step is run as for the 7 series, and the slices are renamed (``DSP48E2``).
Tables in LUTs are mapped by themselves, for fewer LUTs, and then joined with the rest of the module; so are
other small modules (``ALONE``). ABC's own script would restructure a table whose bits are alike: of 1,017
entries of v1.0 it made 199 LUTs, where 153 suffice.
"""

from __future__ import annotations

from pathlib import Path

from sqz_hw.rtl.plan import Instance, Plan

DSP48E2 = Path(__file__).parent / "synthesis_maps" / "dsp48e2.v"
"""Yosys's techmap of a packed DSP48E1 to UltraScale's slice."""
ALONE = ("sqz_table", "sqz_choose4", "sqz_larger", "sqz_product")  # sqz_table_bank is a sqz_table* too
"""Modules that are mapped by themselves: they are small, and fill LUTs better so."""
TABLE = "sqz_table"
LUT_COSTS = "2:2,3,6:5,10,20"
"""As in ``synth_xilinx``: of LUTs of one and two inputs, of three, of up to six, of seven, of eight."""
AS_IT_IS = "+strash;if;mfs2"
"""ABC's commands for a table: its tree of choices, not restructured, fills LUTs of eight inputs."""
BATCH = "batch"
"""The module that holds all of a run."""


def mapping(family: str) -> list[str]:
    """The commands that map the batch to a family's primitives."""
    options = f"-flatten -noiopad -noclkbuf -top {BATCH}"
    gates = [f"synth_xilinx -family xc7 {options} -run begin:map_luts"]
    if family != "xc7":
        gates = [
            f"synth_xilinx -family {family} {options} -run begin:map_dsp",
            f"synth_xilinx -family xc7 {options} -run map_dsp:coarse",
            f"techmap -map {DSP48E2.name} t:DSP48E1",
            f"synth_xilinx -family {family} {options} -run coarse:map_luts",
        ]
    return [
        f"select -set alone {' '.join(f'*{module}*' for module in ALONE)}",
        f"select -set tables *{TABLE}*",
        "setattr -mod -set keep_hierarchy 1 @alone",
        *gates,
        "opt_expr -mux_undef -noclkinv @tables",
        f'abc -luts {LUT_COSTS} -script "{AS_IT_IS}" @tables',
        f"synth_xilinx -family {family} {options} -run map_luts:",
        "setattr -mod -unset keep_hierarchy @alone",
        "flatten",
    ]


def batch(instances: list[Instance], plan: Plan) -> str:
    """A module that holds the instances side by side, every port its own."""
    widths = {link.name: link.width for link in plan.links}
    ports = ["input wire clk, input wire rst"]
    body = []
    for instance in instances:
        joined = [".clk(clk), .rst(rst)"] if instance.clocked else []
        for prefix, links in instance.streams.items():
            wires = {"valid": len(links), "ready": len(links), "data": sum(widths[link] for link in links)}
            for wire, width in wires.items():
                if instance.module == "sqz_fork" and wire == "data":
                    continue
                outward = (prefix == "out") != (wire == "ready")
                name = f"{instance.name}_{prefix}_{wire}"
                ports.append(f"{'output' if outward else 'input'} wire [{width - 1}:0] {name}")
                joined.append(f".{prefix}_{wire}({name})")
        values = ", ".join(
            f".{name}({value})" if isinstance(value, int) else f'.{name}("{value}")'
            for name, value in instance.parameters.items()
        )
        body.append(f"{instance.module} #({values}) {instance.name} ({', '.join(joined)});")
    return f"module {BATCH} ({', '.join(ports)});\n" + "\n".join(body) + "\nendmodule\n"
