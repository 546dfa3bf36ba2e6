"""StreamRTL as a backend of hls4ml itself, found through the entry point ``hls4ml.backends``.

    hls4ml.converters.convert_from_keras_model(network, backend="StreamRTL", io_type="io_stream", ...).write()

writes Verilog instead of C++: ``rtl/`` as ``sqz_hw.rtl.generate`` lays it out. Conversion is that of the
Vitis backend; pooling layers that overlap and other layers of this project are known when ``sqz_hw`` is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME = "StreamRTL"


def register(register_backend: Callable[..., None], register_writer: Callable[..., None]) -> None:
    """What hls4ml calls when it is imported; see its ``plugins.rst``."""
    from hls4ml.backends.vitis.vitis_backend import VitisBackend
    from hls4ml.backends.vivado.vivado_backend import VivadoBackend
    from hls4ml.model.flow import register_flow
    from hls4ml.writer.vitis_writer import VitisWriter

    class StreamRTLWriter(VitisWriter):  # type: ignore[misc]
        """Writes Verilog."""

        def write_hls(self, model: Any, is_multigraph: bool = False) -> None:
            """Fold the graph for its part and write it."""
            write_graph(model)

    class StreamRTLBackend(VitisBackend):  # type: ignore[misc]
        """The Vitis backend's graph, written as Verilog."""

        def __init__(self) -> None:
            super(VivadoBackend, self).__init__(name=NAME)
            self._register_layer_attributes()
            self._register_flows()

        def _register_flows(self) -> None:
            passes = [f"{NAME.lower()}:write_hls"]
            self._writer_flow = register_flow("write", passes, requires=["vitis:ip"], backend=self.name)
            self._default_flow = "vitis:ip"

        def create_initial_config(self, **options: Any) -> dict[str, Any]:
            """As Vitis; this project's layers become known."""
            from sqz_hw.hls.extension import register as register_layers

            register_layers("Vitis")
            config: dict[str, Any] = super().create_initial_config(**options)
            return config

    register_writer(NAME, StreamRTLWriter)
    register_backend(NAME, StreamRTLBackend)


def write_graph(graph: Any) -> list[Path]:
    """Fold a graph of hls4ml for its part and write its Verilog into ``<OutputDir>/rtl``.

    Args:
        graph: after conversion.

    Returns:
        the Verilog files.

    Raises:
        BadInputError: a layer or type that StreamRTL does not build, or an unknown part.
        DoesNotFitError: it does not fit.
    """
    from sqz_hw.estimate.parts import resolve
    from sqz_hw.hls.graph_design import design_of
    from sqz_hw.rtl.accelerator import accelerate
    from sqz_hw.rtl.generate import write_rtl

    part = resolve(str(graph.config.get_config_value("Part")))
    clock = 1000.0 / float(graph.config.get_config_value("ClockPeriod"))
    design = design_of(
        graph, None, name=str(graph.config.get_project_name()), part=part.name, clock_mhz=clock
    )
    return write_rtl(accelerate(design, part).plan, Path(graph.config.get_output_dir()) / "rtl")
