"""What hls4ml's extension API cannot reach, overridden in process; each with its reason.

* Its version is checked: everything here was read in and tried with that one.
* Its random stamp is left out (``write_without_stamp``): same inputs, same bytes.
* Its ``bit_exact`` type inference gets the rules it lacks (``enable_bit_exact``).
* 1x1 convolutions keep their weights in memories (``keep_weights_in_memory``); with a stride they are
  refused (``refuse_strided_1x1``).
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import hls4ml
import numpy as np

from sqz_hw.errors import BadInputError, ToolError

VERSION = "1.3.0"
STAMP = "sqz"
SIDES = ("top", "bottom", "left", "right")


def check_version() -> None:
    """Refuse another hls4ml than the one this project was written and checked for.

    Raises:
        ToolError: the installed version differs.
    """
    if hls4ml.__version__ != VERSION:
        raise ToolError(f"hls4ml must be version {VERSION}, not {hls4ml.__version__}; run 'make venv' again")


def write_without_stamp(graph: Any) -> None:
    """Write the project with a fixed stamp.

    hls4ml's write flow runs the pass ``make_stamp``, which puts a random text into the
    project's files; calling the writer itself skips that pass.
    """
    graph.config.config["Stamp"] = STAMP
    graph.config.backend.writer.write_hls(graph)


@cache
def keep_weights_in_memory() -> None:
    """Let 1x1 convolutions use ``conv_2d_cl`` like all others, once a process.

    hls4ml 1.3.0 turns them into ``pointwise_conv_2d_cl``, which partitions the weights
    completely (``nnet_sepconv2d_stream.h``): every weight becomes a constant of its own and
    each multiplier selects one of RF of them, where ``conv_2d_cl`` reads a ROM of RF words.
    The pass that does so is taken out of its flow.
    """
    from hls4ml.model.flow import update_flow

    update_flow("vivado:optimize", remove_optimizers=["vivado:optimize_pointwise_conv"])


def refuse_strided_1x1(node: Any) -> None:
    """Refuse a 1x1 convolution with a stride: hls4ml 1.3.0 has no kernel for it that keeps weights in memory.

    Where ``filt_height`` is 1 its ``conv_2d_cl`` goes by ``compute_output_buffer_1d``, which strides along
    rows only: every row is written, and the stream after it holds more than its shape says.

    Raises:
        BadInputError: the layer is one.
    """
    if node.class_name != "Conv2D" or node.get_attr("filt_height") != 1:
        return
    strides = (node.get_attr("stride_height"), node.get_attr("stride_width"))
    if max(strides) > 1:
        raise BadInputError(
            f"layer {node.name}: HLS C++ needs a stride of 1 for a 1x1 kernel, not {max(strides)} "
            f"(hls4ml {VERSION} strides along rows only); use a larger kernel, or stride 1"
        )


@cache
def enable_bit_exact() -> None:
    """Make hls4ml's ``bit_exact`` inference work for this project's networks, once a process.

    hls4ml 1.3.0 takes an input's type as known only if its handler says ``trusted``, which no
    Keras handler does ("unexpected input layer chain"), and has no rule for zero padding or
    for layers of an extension. The build does not use it: it walks every pixel in Python,
    and ``sqz_hw.model.accumulators`` finds the same types once a channel. It is the second
    truth that the tests hold those against.
    """
    from hls4ml.model.layers import ZeroPadding2D

    from sqz_hw.hls.extension import GlobalSum2D, OverlappingMaxPool2D

    handlers = importlib.import_module("hls4ml.converters.keras_v2_to_hls").layer_handlers
    inference = importlib.import_module("hls4ml.model.optimizer.passes.bit_exact")
    stock_input = handlers["InputLayer"]

    def trusted_input(*arguments: Any) -> Any:
        layer, shape = stock_input(*arguments)
        return {**layer, "trusted": True}, shape

    def padded(layer: Any) -> Any:
        top, bottom, left, right = (
            layer.get_attr(f"pad_{side}") for side in ("top", "bottom", "left", "right")
        )
        around = ((top, bottom), (left, right), (0, 0))
        return tuple(np.pad(bits, around) for bits in inference.get_input_kifs(layer)[0])

    def pooled(layer: Any) -> Any:
        def largest(bits: Any) -> Any:
            windows = np.lib.stride_tricks.sliding_window_view(bits, (3, 3), axis=(0, 1))  # type: ignore[call-overload]
            return windows[::2, ::2].max(axis=(-1, -2))

        return tuple(largest(bits) for bits in inference.get_input_kifs(layer)[0])

    def summed(layer: Any) -> Any:
        to = layer.get_output_variable().type.precision
        shape = inference.get_output_shape(layer)
        bits = (int(to.signed), to.integer - int(to.signed), to.fractional)
        return tuple(np.full(shape, count, np.int16) for count in bits)

    handlers["InputLayer"] = trusted_input
    inference._produce_kif.register(ZeroPadding2D)(padded)
    inference._produce_kif.register(OverlappingMaxPool2D)(pooled)
    inference._produce_kif.register(GlobalSum2D)(summed)
    # The pass would give the sum's accumulator the type of the mean, and it would wrap.
    inference.register_precision.register(GlobalSum2D)(lambda node: None)
