"""FIFO depths that cannot deadlock, from first principles.

Why this is enough. The layers are processes with blocking reads and writes, so whether the
design deadlocks does not depend on their speeds or on the order in which they run (Kahn 1974;
Parks 1995 for bounded channels): it is enough to show one order that never overfills a FIFO.
Take this one: whoever writes a word lets its reader run at once, until that reader waits.

* A stream whose reader has no other input then never holds more than one word.
* Words pile up only before a join (a concatenation or an addition) whose other input is late.
  Let the fork be the nearest clone that every path to the join passes, and W(n) the words a
  branch has written once the fork has sent n. All of word n is dealt with before word n + 1,
  one of the fork's outputs after the other. So if branch s runs before branch t,
  s holds at most max over n of W_s(n) - W_t(n - 1) words, and t at most max of W_t(n) - W_s(n).

W is counted with nothing kept inside the layers for the branch that fills the FIFO, and with
the most that pipelines may keep inside (:data:`~sqz_hw.estimate.token_flow.HELD_WORDS`) for the
branch that it waits for: the bound holds for any mixture of pipelines.

The capacity may lie anywhere on a chain of layers that write one word for each that they read;
it is put where words are narrowest (before an expand1x1 rather than after it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sqz_hw.design import Design, DesignLayer, Op, Stream
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.token_flow import HELD_WORDS, JOINS, Words, words_needed
from sqz_hw.estimate.topology import check_dataflow, joins_by_fork

MIN_DEPTH = 2
"""Depth of a stream that holds no skew: one word being written while one is read.

Also the deepest FIFO that HLS always builds from registers or shift registers
(``config_storage fifo``, auto_srl_max_depth = 2): a third word may cost block RAM.
"""
MARGIN = 2
"""Words added where more than one word piles up."""


def safe_depths(design: Design, margin: int = MARGIN) -> dict[str, int]:
    """A depth for every stream with which the design cannot deadlock.

    Deadlock is excluded; stalls are not, and after a pool they may cost half the speed
    (``fifo_search.smallest_depths`` adds what excludes them). A depth is never more than the
    stream's whole map, or :data:`MIN_DEPTH` where the map is smaller than that.

    Args:
        design: any design of layers with one input, clones, and joins with two.
        margin: words to add to each FIFO in which more than one word piles up.

    Returns:
        words by stream name, in the order of ``design.streams``.

    Raises:
        BadInputError: a negative margin, or a design that is not in dataflow order.
    """
    if margin < 0:
        raise BadInputError(f"the FIFO margin must be 0 words or more, not {margin}; give a larger one")
    check_dataflow(design)
    layers = {layer.name: layer for layer in design.layers}
    streams = {stream.name: stream for stream in design.streams}
    depths = {stream.name: MIN_DEPTH for stream in design.streams}
    for fork, joins in joins_by_fork(design).items():
        for name, words in _words_before_joins(design, layers[fork], joins).items():
            if words > 1:
                stream = _narrowest(name, streams, layers)
                depths[stream.name] = max(MIN_DEPTH, min(words + margin, stream.words))
    return depths


@dataclass(frozen=True)
class _Need:
    """Words the fork has sent before each word of a stream is written, and its outputs that lead there."""

    fast: Words
    slow: Words
    outputs: frozenset[int]


def _words_before_joins(design: Design, fork: DesignLayer, joins: list[DesignLayer]) -> dict[str, int]:
    """Most words that wait in each input of these joins."""
    needs = _needs(design, fork, joins)
    order = _order(fork, joins, needs)
    sent = np.arange(design.stream(fork.outputs[0]).words + 1)
    waiting: dict[str, int] = {}
    for join in joins:
        for mine, others in (join.inputs, join.inputs[::-1]):
            ahead, behind = needs[mine], needs[others]
            first = max(order[i] for i in ahead.outputs) < min(order[i] for i in behind.outputs)
            last = min(order[i] for i in ahead.outputs) > max(order[i] for i in behind.outputs)
            written = np.searchsorted(ahead.fast, sent, side="right")
            matched = np.searchsorted(behind.slow, sent, side="right")
            if first or not last:
                matched = np.concatenate([[0], matched[:-1]])
            waiting[mine] = max(1, int(np.max(written - matched)))
    return waiting


def _needs(design: Design, fork: DesignLayer, joins: list[DesignLayer]) -> dict[str, _Need]:
    """Needs of every stream between a fork and its last join."""
    words = np.arange(1, design.stream(fork.outputs[0]).words + 1, dtype=np.int64)
    needs = {name: _Need(words, words, frozenset([i])) for i, name in enumerate(fork.outputs)}
    for layer in design.layers:
        if all(name in needs for name in layer.inputs):
            inputs = [needs[name] for name in layer.inputs]
            fast = _through(layer, [need.fast for need in inputs], 0)
            slow = _through(layer, [need.slow for need in inputs], HELD_WORDS[layer.op])
            made = _Need(fast, slow, frozenset().union(*(need.outputs for need in inputs)))
            needs.update(dict.fromkeys(layer.outputs, made))
        if layer is joins[-1]:
            break
    return needs


def _through(layer: DesignLayer, inputs: list[Words], held: int) -> Words:
    """Needs of a layer's output from those of its inputs, when it keeps ``held`` words inside."""
    arrived = inputs[0] if len(inputs) == 1 else np.maximum(*inputs)
    read = np.minimum(words_needed(layer) + held, len(arrived))
    needs: Words = np.concatenate([[0], arrived])[read]
    return needs


def _order(fork: DesignLayer, joins: list[DesignLayer], needs: dict[str, _Need]) -> list[int]:
    """Place of each of the fork's outputs in the order that runs the quickest branch first.

    Any order is safe; this one gives the late branch nothing to hold.
    """
    first_word = [int(needs[fork.outputs[0]].fast[-1]) + 1] * len(fork.outputs)
    for name in (name for join in joins for name in join.inputs):
        for i in needs[name].outputs:
            first_word[i] = min(first_word[i], int(needs[name].slow[0]))
    ranking = sorted(range(len(fork.outputs)), key=lambda i: (first_word[i], i))
    return [ranking.index(i) for i in range(len(fork.outputs))]


def _narrowest(name: str, streams: dict[str, Stream], layers: dict[str, DesignLayer]) -> Stream:
    """The narrowest stream on the chain of word-for-word layers that ends in this one."""
    best = stream = streams[name]
    while stream.source is not None:
        source = layers[stream.source]
        pointwise = source.op is Op.CONV and source.kernel == source.stride == 1
        if source.op in (*JOINS, Op.CLONE) or not (source.op is Op.RELU or pointwise):
            break
        stream = streams[source.inputs[0]]
        if stream.width_bits < best.width_bits:
            best = stream
    return best
