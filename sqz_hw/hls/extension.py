"""Teaches hls4ml the layers it lacks, through its extension API; nothing on disk is patched.

Registered: Keras handlers for this project's QKeras layers, layer classes, templates and
the kernels in ``kernels/``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import hls4ml
import numpy as np
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters.keras.convolution import parse_conv2d_layer
from hls4ml.model.attributes import Attribute, TypeAttribute
from hls4ml.model.layers import Layer
from hls4ml.model.quantizers import Quantizer
from hls4ml.model.types import FixedPrecisionType, NamedType

from sqz_hw.design import Multiplier
from sqz_hw.errors import ToolError
from sqz_hw.hls.hls4ml_compat import check_version, keep_weights_in_memory

KERNELS = Path(__file__).resolve().parent / "kernels"
MULT_HEADER = "sqz_mult.h"
STOCK_PRODUCT = "nnet::product::mult<"


class FixedPointQuantizer(Quantizer):  # type: ignore[misc]
    """Puts weights on the grid of a signed type, rounding to the nearest even and clipping."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.width, self.integer = int(config["bits"]), int(config["integer"]) + 1
        super().__init__(self.width, FixedPrecisionType(self.width, self.integer, signed=True))

    def __call__(self, data: Any) -> Any:
        """The nearest values of the type."""
        scale = 2.0 ** (self.width - self.integer)
        top = 2 ** (self.width - 1)
        return np.clip(np.rint(np.asarray(data, np.float64) * scale), -top, top - 1) / scale

    def serialize_state(self) -> dict[str, Any]:
        """Arguments that make this quantizer again."""
        return {"config": {"bits": self.width, "integer": self.integer - 1}}


class OverlappingMaxPool2D(Layer):  # type: ignore[misc]
    """3x3 max pooling with stride 2, without padding."""

    _expected_attributes: ClassVar = [
        Attribute(n) for n in ("in_height", "in_width", "out_height", "out_width", "n_filt")
    ]

    def initialize(self) -> None:
        """Add the output stream, in the type that the configuration names (the input's)."""
        self.add_output_variable(
            [self.get_attr("out_height"), self.get_attr("out_width"), self.get_attr("n_filt")]
        )


class GlobalSum2D(Layer):  # type: ignore[misc]
    """Sum over the map; the mean where height x width is a power of two."""

    _expected_attributes: ClassVar = [
        *(Attribute(n) for n in ("in_height", "in_width", "n_filt")),
        TypeAttribute("accum"),
    ]

    def initialize(self) -> None:
        """Add the output stream in a type that no sum can wrap."""
        pixel = self.get_input_variable().type.precision
        pixels = self.get_attr("in_height") * self.get_attr("in_width")
        growth = (pixels - 1).bit_length()
        width, integer = pixel.width + growth, pixel.integer + growth
        power_of_two = pixels & (pixels - 1) == 0
        total = FixedPrecisionType(width, integer, signed=pixel.signed)
        mean = FixedPrecisionType(width, integer - growth, signed=pixel.signed)
        self.set_attr("accum_t", NamedType(f"{self.name}_accum_t", total))
        self.add_output_variable([1, 1, self.get_attr("n_filt")], precision=mean if power_of_two else total)


class ArgMaxStream(Layer):  # type: ignore[misc]
    """Index of the largest score."""

    _expected_attributes: ClassVar = [Attribute("n_in")]

    def initialize(self) -> None:
        """Add the output stream: one unsigned whole number."""
        width = max(1, (self.get_attr("n_in") - 1).bit_length())
        self.add_output_variable([1, 1, 1], precision=FixedPrecisionType(width, width, signed=False))


POOL_CONFIG = """struct config{index} : nnet::pooling2d_config {{
    static const unsigned in_height = {in_height};
    static const unsigned in_width = {in_width};
    static const unsigned out_height = {out_height};
    static const unsigned out_width = {out_width};
    static const unsigned n_filt = {n_filt};
    static const unsigned pool_height = 3;
    static const unsigned pool_width = 3;
    static const unsigned stride_height = 2;
    static const unsigned stride_width = 2;
}};\n"""

SUM_CONFIG = """struct config{index} {{
    static const unsigned in_height = {in_height};
    static const unsigned in_width = {in_width};
    static const unsigned n_filt = {n_filt};
    typedef {accum_t.name} accum_t;
}};\n"""

ARGMAX_CONFIG = """struct config{index} {{
    static const unsigned n_in = {n_in};
}};\n"""


def bind_multipliers(node: Any, multiplier: Multiplier) -> None:
    """Build a convolution's products from DSP slices or from LUTs (``sqz_mult.h``).

    Args:
        node: hls4ml's node after its templates were filled in.
        multiplier: "auto" leaves it to the tool.

    Raises:
        ToolError: hls4ml emitted another product than the one this replaces.
    """
    node.set_attr("sqz_multiplier", multiplier)
    if multiplier == "auto":
        return
    config = node.get_attr("config_cpp")
    if config.count(STOCK_PRODUCT) != 1:
        raise ToolError(
            f"hls4ml {hls4ml.__version__} must emit {STOCK_PRODUCT}...> once in the configuration of "
            f"{node.name}, not {config.count(STOCK_PRODUCT)} times; use multipliers 'auto'"
        )
    node.set_attr("config_cpp", config.replace(STOCK_PRODUCT, f"nnet::product::mult_{multiplier}<"))
    headers = list(node.get_attr("include_header"))
    node.set_attr("include_header", [*headers, f"nnet_utils/{MULT_HEADER}"])


def _templates(layer: type[Layer], config: str, function: str, header: str) -> tuple[type[Any], type[Any]]:
    class Config(LayerConfigTemplate):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(layer)

        def format(self, node: Any) -> str:
            return config.format(**self._default_config_params(node))

    class Function(FunctionCallTemplate):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(layer, include_header=["nnet_utils/nnet_pooling.h", f"nnet_utils/{header}"])

        def format(self, node: Any) -> str:
            call = f"nnet::{function}<{{input_t}}, {{output_t}}, {{config}}>({{input}}, {{output}});"
            return call.format(**self._default_function_params(node))

    return Config, Function


def _parse_conv(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
    stock = {**keras_layer, "class_name": "QConv2D"}
    layer, shape = parse_conv2d_layer(stock, input_names, input_shapes, data_reader)
    del layer["activation"]  # always linear: a ReLU is a layer of its own
    config = keras_layer["config"]
    layer["weight_quantizer"] = FixedPointQuantizer(config["kernel_quantizer"]["config"])
    layer["bias_quantizer"] = FixedPointQuantizer(config["bias_quantizer"]["config"])
    layer["class_name"] = "Conv2D"
    return layer, shape


def _parse_relu(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
    layer = {
        "name": keras_layer["config"]["name"],
        "class_name": "Activation",
        "activation": "linear",  # its type does it: unsigned and saturating, so what is negative becomes 0
        "inputs": input_names,
        "data_format": "channels_last",
        "trusted": True,
    }
    return layer, list(input_shapes[0])


def _parse_pool(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
    batch, height, width, channels = input_shapes[0]
    out_height, out_width = (height - 3) // 2 + 1, (width - 3) // 2 + 1
    layer = _over_a_map("OverlappingMaxPool2D", keras_layer, input_names, input_shapes)
    shape = [batch, out_height, out_width, channels]
    return {**layer, "out_height": out_height, "out_width": out_width}, shape


def _parse_global_sum(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
    layer = _over_a_map("GlobalSum2D", keras_layer, input_names, input_shapes)
    return layer, [input_shapes[0][0], layer["n_filt"]]


def _over_a_map(class_name: str, keras_layer: Any, input_names: Any, input_shapes: Any) -> dict[str, Any]:
    _, height, width, channels = input_shapes[0]
    return {
        "name": keras_layer["config"]["name"],
        "class_name": class_name,
        "inputs": input_names,
        "in_height": height,
        "in_width": width,
        "n_filt": channels,
    }


def _parse_argmax(keras_layer: Any, input_names: Any, input_shapes: Any, data_reader: Any) -> Any:
    batch, classes = input_shapes[0]
    name = keras_layer["config"]["name"]
    return {"name": name, "class_name": "ArgMaxStream", "inputs": input_names, "n_in": classes}, [batch, 1]


_HANDLERS = {
    "FixedPointConv2D": _parse_conv,
    "FixedPointRelu2D": _parse_relu,
    "StreamMaxPooling2D": _parse_pool,
    "StreamGlobalAveragePooling2D": _parse_global_sum,
    "ArgMax": _parse_argmax,
}

_LAYERS: tuple[tuple[type[Layer], str, str, str], ...] = (
    (OverlappingMaxPool2D, POOL_CONFIG, "max_pooling2d_overlapping_cl", "sqz_pooling_stream.h"),
    (GlobalSum2D, SUM_CONFIG, "global_sum2d_cl", "sqz_pooling_stream.h"),
    (ArgMaxStream, ARGMAX_CONFIG, "argmax_stream", "sqz_argmax_stream.h"),
)


@cache
def register(backend_name: str) -> Any:
    """Register everything with one backend, once a process.

    Args:
        backend_name: ``Vitis`` or ``Vivado``.

    Returns:
        hls4ml's backend object.

    Raises:
        ToolError: hls4ml is of another version than the one this was written for.
    """
    check_version()
    _register_once()
    keep_weights_in_memory()
    backend = hls4ml.backends.get_backend(backend_name)
    for layer, config, function, header in _LAYERS:
        for template in _templates(layer, config, function, header):
            backend.register_template(template)
        backend.register_source(KERNELS / header)
    backend.register_source(KERNELS / MULT_HEADER)
    return backend


@cache
def _register_once() -> None:
    for name, handler in _HANDLERS.items():
        hls4ml.converters.register_keras_v2_layer_handler(name, handler)
    for layer, *_ in _LAYERS:
        hls4ml.model.layers.register_layer(layer.__name__, layer)
