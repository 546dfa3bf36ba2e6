"""The shape of the dataflow graph: order, joins, and the fork that each join goes back to."""

from __future__ import annotations

from sqz_hw.design import Design, DesignLayer, Op
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.token_flow import JOINS


def check_dataflow(design: Design) -> None:
    """Check what the FIFO and cycle estimates rely on.

    Raises:
        BadInputError: layers are not in dataflow order, a stream's ends are not what it says,
            or a layer has a number of inputs or outputs that its kernel does not have.
    """
    written = {design.input.name}
    for layer in design.layers:
        inputs, outputs = len(layer.inputs), len(layer.outputs)
        if inputs != (2 if layer.op in JOINS else 1) or (
            outputs < 2 if layer.op is Op.CLONE else outputs != 1
        ):
            raise BadInputError(
                f"{layer.name}: a {layer.op.value} cannot have {inputs} inputs and {outputs} outputs; "
                "build the design again"
            )
        for name in layer.inputs:
            stream = design.stream(name)
            if name not in written or stream.sink != layer.name:
                raise BadInputError(
                    f"{layer.name}: its input {name} must be written by an earlier layer and read by it "
                    "alone; build the design again with its layers in dataflow order"
                )
            if stream.shape[:2] != layer.in_shape[:2]:
                raise BadInputError(
                    f"{layer.name}: its input {name} must be {layer.in_shape[0]}x{layer.in_shape[1]}, "
                    f"not {stream.shape[0]}x{stream.shape[1]}; build the design again"
                )
        written.update(layer.outputs)


def joins_by_fork(design: Design) -> dict[str, list[DesignLayer]]:
    """The joins of a design under the nearest layer that every path to them passes (their fork).

    The immediate dominator, by Cooper, Harvey and Kennedy, "A Simple, Fast Dominance
    Algorithm" (2001); one pass, because layers are in dataflow order.

    Returns:
        fork's name -> joins, both in dataflow order. A fork is always a clone.
    """
    index = {layer.name: i for i, layer in enumerate(design.layers)}
    dominator: list[int] = []
    joins: dict[str, list[DesignLayer]] = {}
    for i, layer in enumerate(design.layers):
        sources = [design.stream(name).source for name in layer.inputs]
        above = [i if source is None else index[source] for source in sources]
        nearest = above[0]
        for other in above[1:]:
            nearest = _common(nearest, other, dominator)
        dominator.append(nearest)
        if layer.op in JOINS:
            joins.setdefault(design.layers[nearest].name, []).append(layer)
    return {layer.name: joins[layer.name] for layer in design.layers if layer.name in joins}


def _common(a: int, b: int, dominator: list[int]) -> int:
    while a != b:
        if a > b:
            a = dominator[a]
        else:
            b = dominator[b]
    return a
