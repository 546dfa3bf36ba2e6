from dataclasses import replace

import numpy as np
import pytest
from designs import Net
from hypothesis import given, settings
from hypothesis import strategies as st
from token_simulation import KERNELS, READ, _stalling

from sqz_hw.design import DesignLayer, Op
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.token_flow import HELD_WORDS, operations, words_needed


def counted_by_kernel(layer: DesignLayer) -> list[int]:
    """Reads before each write to the first output, by running the kernel's loops."""
    needed, reads = [], 0
    for kind, stream in KERNELS[layer.op](layer):
        if kind == READ:
            reads += stream == layer.inputs[-1]
        elif stream == layer.outputs[0]:
            needed.append(reads)
    return needed


def only_layer(net: Net) -> DesignLayer:
    return net.design().layers[-1]


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 6),
)
def test_a_window_needs_what_the_kernel_reads(height, width, kernel, stride):
    if kernel > min(height, width):
        return
    net = Net(height, width)
    net.conv(net.input, 2, kernel, stride)
    layer = only_layer(net)
    assert words_needed(layer).tolist() == counted_by_kernel(layer)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 6), width=st.integers(1, 6), padding=st.tuples(*[st.integers(0, 3)] * 4))
def test_padding_needs_what_the_kernel_reads(height, width, padding):
    net = Net(height, width)
    net.pad(net.input, *padding)
    layer = only_layer(net)
    assert words_needed(layer).tolist() == counted_by_kernel(layer)


@pytest.mark.parametrize("op", ["relu", "sum", "pool"])
def test_other_layers_need_what_their_kernel_reads(op):
    net = Net(5, 7)
    getattr(net, op)(net.input)
    assert words_needed(only_layer(net)).tolist() == counted_by_kernel(only_layer(net))


def test_joins_and_clones_go_word_for_word():
    net = Net(2, 3)
    net.concat(net.input, net.input)
    clone, concat = net.design().layers
    assert words_needed(clone).tolist() == words_needed(concat).tolist() == [1, 2, 3, 4, 5, 6]


def test_every_operation_has_a_number_of_held_words():
    assert set(HELD_WORDS) == set(Op)
    assert min(HELD_WORDS.values()) >= 1


def test_a_shape_that_the_kernel_does_not_make_is_refused():
    net = Net(8, 8)
    net.conv(net.input, 2, 3)
    wrong = replace(only_layer(net), out_shape=(7, 6, 2))
    with pytest.raises(
        BadInputError, match="a conv of a 8x8 map must give 6x6, not 7x6; build the design again"
    ):
        words_needed(wrong)


@pytest.mark.parametrize(("kernel", "stride"), [(9, 1), (3, 0), (0, 1)])
def test_an_impossible_window_is_refused(kernel, stride):
    net = Net(8, 8)
    net.conv(net.input, 2, 3)
    with pytest.raises(
        BadInputError, match=f"a side from 1 to 8 and a stride of at least 1, not {kernel} and"
    ):
        words_needed(replace(only_layer(net), kernel=kernel, stride=stride))


def test_needs_never_fall():
    net = Net(6, 5)
    net.pool(net.input, (0, 1, 0, 1))
    for layer in net.design().layers:
        assert (np.diff(words_needed(layer)) >= 0).all()


@settings(max_examples=60, deadline=None)
@given(
    op=st.sampled_from(["pad", "pool", "relu", "sum", "conv"]),
    padding=st.tuples(*[st.integers(0, 2)] * 4),
    held=st.integers(0, 5),
)
def test_operations_are_in_the_kernels_order(op, padding, held):
    """Reads and writes of the kernel's loops, with and without a pipeline that keeps words inside."""
    net = Net(5, 4)
    options = {"pad": padding, "conv": (2, 3)}.get(op, ())
    getattr(net, op)(net.input, *options)
    layer = only_layer(net)
    done = operations(layer, held)
    kinds = []
    for read, write in zip(done.read.tolist(), done.write.tolist(), strict=True):
        kinds += [("read", read)] * (read >= 0) + [("write", write)] * (write >= 0)
    kernel = [kind for kind, _ in _stalling(KERNELS[layer.op](layer), layer, held)]
    assert [kind for kind, _ in kinds] == kernel
    assert [n for kind, n in kinds if kind == "read"] == list(range(20))
    assert [n for kind, n in kinds if kind == "write"] == list(range(layer.out_shape[0] * layer.out_shape[1]))
