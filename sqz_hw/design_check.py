"""Is a design that was read from a file one dataflow, from one input to one output?

A design made from hls4ml's graph is; a file can say anything. Shapes and types of each layer
are checked by what computes with them.
"""

from __future__ import annotations

from sqz_hw.design import Design, Op
from sqz_hw.errors import BadInputError

MAX_VALUES = 1 << 28
"""Values of one stream; a whole SqueezeNet at 227 x 227 has 1.2 million in its largest."""


def require_dataflow(design: Design) -> None:
    """Refuse a design whose layers and streams are no chain of producers and consumers.

    Raises:
        BadInputError: the first fault found.
    """
    for what, found in (
        ("stream without a source", sum(s.source is None for s in design.streams)),
        ("stream without a sink", sum(s.sink is None for s in design.streams)),
        ("global_sum", sum(layer.op is Op.GLOBAL_SUM for layer in design.layers)),
    ):
        if found != 1:
            raise _fault(f"there must be one {what}, not {found}")
    for stream in design.streams:
        height, width, channels = stream.shape
        if not 0 < height * width * channels <= MAX_VALUES:
            raise _fault(f"{stream.name} must have 1 to {MAX_VALUES:,} values, not {stream.shape}")
        if not (stream.name.isidentifier() and stream.name.isascii()):
            raise _fault(f"the name of a stream must be one of C++, not {stream.name!r}")
    written = {design.input.name}
    for layer in design.layers:
        if not layer.inputs or not layer.outputs:
            raise _fault(f"{layer.name} must read and write a stream")
        for name in layer.inputs:
            if name not in written or design.stream(name).sink != layer.name:
                raise _fault(f"{layer.name} reads {name}, which no layer before it wrote for it")
        for name in layer.outputs:
            if name in written or design.stream(name).source != layer.name:
                raise _fault(f"{layer.name} writes {name}, which belongs to another layer")
        written |= set(layer.outputs)
    if len(written) != len(design.streams):
        unwritten = sorted({s.name for s in design.streams} - written)
        raise _fault(f"no layer writes {unwritten[0]}")


def _fault(what: str) -> BadInputError:
    return BadInputError(f"the design is damaged: {what}; build the project again")
