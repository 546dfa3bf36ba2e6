"""Which module of a synthesis report is which layer of the design.

HLS names a module after the function and its template arguments: ``nnet::conv_2d_cl<layer2_t,
layer3_t, config3>`` becomes ``conv_2d_cl_array_array_ap_fixed_48u_config3_s``, types abbreviated to
keep to hls4ml's 80 characters. The number of a config is not that of a layer (a pointwise convolution
gets one of its own), so it is the call in ``firmware/<top>.cpp`` that says which streams go with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqz_hw.design import Design
from sqz_hw.synth.report_file import damaged, read_report

_CALL = re.compile(r"\bnnet::(\w{1,80})<([^<>;\n]{1,400})>\(([^();\n]{1,400})\);")


@dataclass(frozen=True)
class Call:
    """A layer's function call in the firmware.

    Attributes:
        function: without its namespace.
        last: the last template argument: a config's name, or the size of a clone.
        arguments: the actual arguments, streams first.
    """

    function: str
    last: str
    arguments: tuple[str, ...]

    def calls(self, module: str) -> bool:
        """True if that module can be what this call became."""
        return module.startswith(f"{self.function}_") and module.endswith(f"_{self.last}_s")


def firmware_calls(path: Path) -> tuple[Call, ...]:
    """The calls in ``firmware/<top>.cpp``, in order.

    Raises:
        ToolError: the file cannot be read, or has none.
    """
    found = tuple(
        Call(
            function,
            types.rsplit(",", 1)[-1].strip(),
            tuple(argument.strip() for argument in arguments.split(",")),
        )
        for function, types, arguments in _CALL.findall(read_report(path))
    )
    if not found:
        raise damaged(path, "calls no function of hls4ml's")
    return found


def layer_modules(design: Design, calls: Iterable[Call], modules: Iterable[str]) -> Mapping[str, str]:
    """The module of each layer, in dataflow order.

    Left out are layers whose call fits no module or several, and modules that several calls share
    (clones of streams of one type and length).

    Args:
        design: the design that was synthesised.
        calls: of its firmware.
        modules: names of the modules in the reports.
    """
    names, listed = list(modules), list(calls)
    fitting: dict[str, list[str]] = {}
    for layer in design.layers:
        streams = {*layer.inputs, *layer.outputs}
        call = next((c for c in listed if streams <= set(c.arguments)), None)
        fitting[layer.name] = [] if call is None else [name for name in names if call.calls(name)]
    taken = [found[0] for found in fitting.values() if len(found) == 1]
    return {
        layer: found[0] for layer, found in fitting.items() if len(found) == 1 and taken.count(found[0]) == 1
    }
