"""QKeras to hls4ml: builds the graph of a quantised model, with given decisions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import hls4ml

from sqz_hw.decisions import Decisions
from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.hls.extension import bind_multipliers, register
from sqz_hw.hls.hls4ml_compat import enable_bit_exact
from sqz_hw.model.accumulators import accumulators
from sqz_hw.model.layers import Kind
from sqz_hw.model.modelfile import Model
from sqz_hw.model.network import ARGMAX_NAME, quantised_network, set_weights
from sqz_hw.model.quantisation import Quantisation
from sqz_hw.model.tensor_types import tensor_types

BACKENDS = ("Vitis", "Vivado")
Result = Literal["scores", "argmax"]
Accumulators = Literal["tight", "auto", "bit_exact"]
PROJECT = "myproject"


@dataclass(frozen=True)
class ConversionOptions:
    """What the conversion needs to know besides the model.

    Attributes:
        full_part: the part's full name, such as ``xc7z020clg400-1``.
        backend: ``Vitis`` (Vitis HLS) or ``Vivado`` (Vivado HLS).
        clock_mhz: the clock asked of the tool.
        result: ``scores`` (sums or means a class) or ``argmax`` (one index).
        accumulators: ``tight`` (from the actual weights), ``auto`` (hls4ml's, from the types
            alone) or ``bit_exact`` (hls4ml's from the weights; slow, for comparison).
    """

    full_part: str
    backend: str = "Vitis"
    clock_mhz: float = 100.0
    result: Result = "scores"
    accumulators: Accumulators = "tight"

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise BadInputError(f"the backend must be one of {', '.join(BACKENDS)}, not {self.backend!r}")
        if not 1.0 <= self.clock_mhz <= 1000.0:
            raise BadInputError(f"the clock must be between 1 and 1000 MHz, not {self.clock_mhz}")
        if self.result not in ("scores", "argmax"):
            raise BadInputError(f"the result must be scores or argmax, not {self.result!r}")
        if self.accumulators not in ("tight", "auto", "bit_exact"):
            raise BadInputError(f"accumulators must be tight, auto or bit_exact, not {self.accumulators!r}")


def qkeras_network(model: Model, *, argmax: bool = False, in_float64: Collection[str] = ()) -> Any:
    """The QKeras network of a quantised model, weights in place.

    Args:
        model: a quantised model.
        argmax: end in the index of the largest score.
        in_float64: layers whose sums are computed in float64.

    Raises:
        ModelFileError: the model is float.
    """
    network = quantised_network(
        model.architecture, require_quantised(model), argmax=argmax, in_float64=in_float64
    )
    set_weights(network, model.weights)
    return network


def require_quantised(model: Model) -> Quantisation:
    """The model's quantisation.

    Raises:
        ModelFileError: the model is float.
    """
    if model.quantisation is None:
        raise ModelFileError(
            f"hardware needs a quantised model, and {model.name} is a float one; quantise it first with "
            "scripts/quantize.py, or train one with scripts/train.py (model.safetensors in its output folder)"
        )
    return model.quantisation


def convert(model: Model, options: ConversionOptions, decisions: Decisions, folder: Path) -> Any:
    """hls4ml's graph of the model, with reuse factors and FIFO depths of ``decisions``.

    Layers and streams that ``decisions`` does not name get reuse factor 1 and hls4ml's own
    depth (a whole feature map).

    Args:
        model: a quantised model.
        options: part, backend, clock, result.
        decisions: folding and FIFO depths.
        folder: where a later write puts the project.

    Raises:
        ModelFileError: the model is float.
        ToolError: hls4ml is of another version.
    """
    quantisation = require_quantised(model)
    backend = register(options.backend)
    if options.accumulators == "bit_exact":
        enable_bit_exact()
    graph = hls4ml.converters.convert_from_keras_model(
        qkeras_network(model, argmax=options.result == "argmax"),
        output_dir=str(folder),
        project_name=PROJECT,
        backend=options.backend,
        io_type="io_stream",
        part=options.full_part,
        clock_period=1000.0 / options.clock_mhz,
        hls_config=_config(model, quantisation, decisions, options.accumulators == "tight"),
        bit_exact=options.accumulators == "bit_exact",
    )
    graph.config.config.pop("KerasModel", None)
    if graph.config.backend is not backend:
        raise BadInputError(f"hls4ml made a graph for another backend than {options.backend}")
    for variable in graph.output_vars.values():
        depth = decisions.fifo_depths.get(variable.name)
        if depth is not None and variable.pragma:
            variable.pragma = (variable.pragma[0], depth)
        variable.sqz_storage = decisions.fifo_storage.get(variable.name, "auto")
    for node in graph.get_layers():
        if node.class_name == "Conv2D":
            bind_multipliers(node, decisions.multipliers.get(node.name, "auto"))
    return graph


def _config(model: Model, quantisation: Quantisation, decisions: Decisions, tight: bool) -> dict[str, Any]:
    types = tensor_types(model.architecture, quantisation)
    sums = accumulators(model)
    relus = {
        spec.inputs[0]: _relu_type(quantisation.activations[spec.name])
        for spec in model.architecture.layers
        if spec.kind is Kind.RELU
    }
    layers: dict[str, Any] = {}
    for spec in model.architecture.layers:
        name = spec.safe_name
        if spec.kind is Kind.CONV:
            layers[name] = {
                "Precision": {
                    "weight": str(quantisation.weights[spec.name]),
                    "bias": str(quantisation.biases[spec.name]),
                    "accum": str(sums[spec.name].tight) if tight else "auto",
                    "result": relus.get(spec.name) or (str(sums[spec.name].tight) if tight else "auto"),
                },
                "ReuseFactor": decisions.reuse_factors.get(name, 1),
                "Strategy": "resource",
                "ConvImplementation": "LineBuffer",
            }
        elif spec.kind is Kind.RELU:
            layers[name] = {"Precision": {"result": _relu_type(quantisation.activations[spec.name])}}
        elif spec.kind is not Kind.GLOBAL_AVERAGE:
            layers[name] = {"Precision": {"result": relus.get(spec.name, str(types[spec.name]))}}
        if any(spec.padding):
            layers[f"{name}_pad"] = {"Precision": {"result": str(types[spec.inputs[0]])}}
    layers[ARGMAX_NAME] = {"Precision": {}}
    return {
        "Model": {"Precision": {"default": "ap_fixed<16,6>"}, "ReuseFactor": 1, "Strategy": "Resource"},
        "LayerName": layers,
    }


def _relu_type(to: FixedPoint) -> str:
    """QKeras rounds a ReLU's output to the nearest even and clips it; unsigned, so below at 0.

    The layer before a ReLU writes this type itself: the cast is the ReLU, and hls4ml drops
    the activation, with its process and its FIFO.
    """
    return f"ap_ufixed<{to.width},{to.integer},AP_RND_CONV,AP_SAT,0>"
