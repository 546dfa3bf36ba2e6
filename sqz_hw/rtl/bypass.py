"""Ways around Fire modules (SqueezeNet, section 6 and figure 2): the map as it is, or a 1x1 of it.

The stream forks before the module, in lock step, and an addition joins both branches again, word by word.
The way through the module is the long one: the window of its 3x3 convolution must see rows below a pixel
before the pixel's first word leaves, where a 1x1 convolution needs the pixel's own block. All that the long
branch has to take in before it gives a word, the other must take in as well; a queue before the addition
keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqz_hw.errors import BadInputError
from sqz_hw.rtl.core import Folding, slots

if TYPE_CHECKING:
    from sqz_hw.rtl.network import Network, Stage, Tensor


@dataclass(frozen=True)
class Bypass:
    """An addition and the two branches that it joins.

    Attributes:
        fork: the tensor where they part.
        through: the convolutions of the long branch, in order.
        around: the 1x1 convolution of the other one (complex bypass), or None (identity).
        ends: what the addition reads, of the long branch and of the other.
    """

    fork: Tensor
    through: tuple[Stage, ...]
    around: Stage | None
    ends: tuple[Tensor, Tensor]


def bypasses(network: Network) -> dict[str, Bypass]:
    """The bypass that each addition of a network ends, by its name.

    Raises:
        BadInputError: an addition of other branches.
    """
    return {stage.name: _joined(network, stage) for stage in network.stages if stage.kind == "add"}


def _joined(network: Network, addition: Stage) -> Bypass:
    ways = [_way_back(network, network.tensor(name)) for name in addition.inputs]
    second = [tensor.name for tensor in ways[1]]
    fork = next((tensor for tensor in ways[0] if tensor.name in second), None)
    if fork is None:
        raise _unsupported(addition, "an addition of maps that come from different ones")
    branches = [way[: [tensor.name for tensor in way].index(fork.name)] for way in ways]
    sources = {stage.output.name: stage for stage in network.stages}
    # The long branch has a window; without one, more stages; of two alike the one that is made last.
    order = list(sources)
    around, through = sorted(
        ([sources[tensor.name] for tensor in reversed(branch)] for branch in branches),
        key=lambda branch: (
            any(stage.rows is not None and stage.rows.taps > 1 for stage in branch),
            len(branch),
            max((order.index(stage.output.name) for stage in branch), default=-1),
        ),
    )
    if not through or any(stage.rows is None for stage in (*through, *around)):
        raise _unsupported(addition, "a bypass around other than convolutions")
    if len(around) > 1 or any(stage.rows is not None and stage.rows.taps > 1 for stage in around):
        raise _unsupported(addition, "a bypass through more than one 1x1 convolution")
    ends = (through[-1].output, around[-1].output if around else fork)
    return Bypass(fork, tuple(through), around[0] if around else None, ends)


def _way_back(network: Network, tensor: Tensor) -> list[Tensor]:
    """A tensor and those that it is made from, one from the other, as far as an addition."""
    way = [tensor]
    while way[-1].source is not None:
        stage = next(stage for stage in network.stages if stage.output.name == way[-1].name)
        if len(stage.inputs) > 1:
            break
        way.append(network.tensor(stage.inputs[0]))
    return way


def queue_slots(bypass: Bypass, foldings: Mapping[str, Folding], pixels: Mapping[str, int]) -> int:
    """Blocks that the queue before an addition must hold, so that no branch waits for ever for the other.

    Before the long branch can give a word of a block it must have taken in all that the window reaches
    beyond the block, in whole blocks of the 1x1 convolution before it; the other branch has then taken in
    as much, and what it made of it lies in the queue. One block of the window and one of each convolution's
    buffers more keep the long branch busy. (A convolution on the way around has buffers of its own, which are
    not counted on.) The long branch never waits for ever either: no word of the other branch needs a pixel
    that the long branch's word of the same block does not need.

    Args:
        bypass: the branches.
        foldings: of the convolutions.
        pixels: of a word, by tensor.

    Raises:
        BadInputError: the convolution on the way around takes blocks that do not divide the other branch's.
    """
    under_way = 0
    for stage in bypass.through:
        if stage.rows is None:
            continue
        out, before = foldings[stage.name].pixels, pixels[stage.inputs[0]]
        height, width = stage.output.shape[0], stage.output.pitch
        if stage.rows.taps == 1:
            under_way += slots(stage.rows, out, before) * max(out, before)
        else:
            reach = 0 if out == height * width else 1 if out >= width else width // out + 1
            under_way += (reach + 2) * out
    late, early = (pixels[end.name] for end in bypass.ends)
    if bypass.around is not None and late % early:
        raise BadInputError(
            f"{bypass.around.name}: pixels in parallel on a way around must divide the {late} of the way "
            f"through, not {early}; choose another folding"
        )
    return -(-under_way // max(early, late)) + 1


def _unsupported(addition: Stage, what: str) -> BadInputError:
    return BadInputError(
        f"{addition.name}: StreamRTL does not build {what}; use the Vitis or Vivado backend, "
        "or another architecture"
    )
