"""Designs at random, for hypothesis."""

from __future__ import annotations

from designs import Net, Tensor, with_reuse_factors
from hypothesis import strategies as st

from sqz_hw.design import Design


def halve(net: Net, x: Tensor, how: str) -> Tensor:
    """Ways to halve a map of even sides, all to the same size."""
    if how == "pool":
        return net.pool(x, (0, 1, 0, 1))
    return net.conv(x, 2, 3, 2, 1) if how == "conv3" else net.conv(x, 2, 1, 2)


@st.composite
def networks(draw: st.DrawFn) -> Design:
    """Chains, forks and joins in any arrangement, nested or braided, ending in one stream."""
    net = Net(2 * draw(st.integers(2, 4)), 2 * draw(st.integers(2, 5)))
    tensors = [net.input]
    used: set[str] = set()

    def take() -> Tensor:
        x = tensors[-1 - draw(st.integers(0, min(3, len(tensors) - 1)))]
        used.add(x.name)
        return x

    def join_loose_ends() -> Tensor:
        loose = [x for x in tensors if x.name not in used]
        while len(loose) > 1:
            loose.append(net.concat(loose.pop(draw(st.integers(0, len(loose) - 1))), loose.pop(0)))
        return loose[0]

    for _ in range(draw(st.integers(1, 9))):
        op = draw(st.sampled_from(["relu", "conv1", "conv3", "conv3", "join", "join", "fire", "bypass"]))
        if op == "relu":
            tensors.append(net.relu(take()))
        elif op.startswith("conv"):
            tensors.append(net.conv(take(), draw(st.integers(1, 4)), int(op[-1]), 1, int(op[-1]) // 2))
        elif op == "join":
            tensors.append(net.concat(take(), take()))
        else:
            kind = draw(st.sampled_from(["none", "complex"])) if op == "fire" else "simple"
            tensors.append(net.fire(take(), bypass=kind))
    x = join_loose_ends()
    ways = st.sampled_from(["pool", "conv1", "conv3"])
    tensors = [net.concat(halve(net, x, draw(ways)), halve(net, x, draw(ways)))]
    if draw(st.booleans()):
        tensors.append(net.fire(tensors[0]))
    return net.design()


@st.composite
def folded_networks(draw: st.DrawFn) -> Design:
    """:func:`networks` with reuse factors of all sizes."""
    design = draw(networks())
    factors = {layer.name: draw(st.integers(1, 40)) for layer, _ in design.convolutions}
    return with_reuse_factors(design, factors)
