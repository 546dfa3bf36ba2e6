"""Decisions put into a design (``sqz_hw.decisions``)."""

from dataclasses import replace

from estimate.designs import fire_design
from hypothesis import given
from hypothesis import strategies as st

from sqz_hw.decisions import Decisions, with_decisions

DESIGN = fire_design(8, "complex")
CONVOLUTIONS = [layer.name for layer, _ in DESIGN.convolutions]
STREAMS = [stream.name for stream in DESIGN.streams]


@st.composite
def decisions(draw: st.DrawFn) -> Decisions:
    """Decisions about some layers and streams, and about some that the design does not have."""
    layers, streams = st.sampled_from([*CONVOLUTIONS, "no_layer"]), st.sampled_from([*STREAMS, "no_stream"])
    return Decisions(
        draw(st.dictionaries(layers, st.integers(1, 99))),
        draw(st.dictionaries(streams, st.integers(1, 99))),
        draw(st.dictionaries(layers, st.sampled_from(["auto", "dsp", "lut"]))),
        draw(st.dictionaries(streams, st.sampled_from(["auto", "srl", "bram"]))),
    )


@given(decisions())
def test_what_is_named_changes_and_nothing_else(chosen):
    decided = with_decisions(DESIGN, chosen)
    for old, new in zip(DESIGN.layers, decided.layers, strict=True):
        if old.conv is None:
            assert new is old
            continue
        assert new.conv.reuse_factor == chosen.reuse_factors.get(old.name, old.conv.reuse_factor)
        assert new.conv.multiplier == chosen.multipliers.get(old.name, "auto")
        undone = replace(new.conv, reuse_factor=old.conv.reuse_factor, multiplier=old.conv.multiplier)
        assert replace(new, conv=undone) == old
        assert new.conv.weights is old.conv.weights
    for old, new in zip(DESIGN.streams, decided.streams, strict=True):
        assert new.depth == chosen.fifo_depths.get(old.name, old.depth)
        assert new.storage == chosen.fifo_storage.get(old.name, "auto")
        assert replace(new, depth=old.depth, storage=old.storage) == old
    assert replace(decided, layers=DESIGN.layers, streams=DESIGN.streams) == DESIGN


@given(decisions(), decisions())
def test_later_decisions_add_to_earlier_ones(first, second):
    both = Decisions(*({**vars(first)[name], **vars(second)[name]} for name in vars(first)))
    assert with_decisions(with_decisions(DESIGN, first), second) == with_decisions(DESIGN, both)


def test_no_decisions_change_nothing():
    assert with_decisions(DESIGN, Decisions()) == DESIGN
    assert Decisions() == Decisions({}, {}, {}, {})
