"""From the stages and their folding to instances and links."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sqz_hw.errors import BadInputError
from sqz_hw.rtl.bypass import bypasses, queue_slots
from sqz_hw.rtl.core import Core, make_cores, schedule
from sqz_hw.rtl.network import Network, Stage, Tensor
from sqz_hw.rtl.plan import (
    Foldings,
    Instance,
    Link,
    Memory,
    Plan,
    pool_parameters,
    pool_pixels,
    reblock_parameters,
)
from sqz_hw.rtl.rows import ROUNDINGS, Rows


def make_plan(network: Network, foldings: Foldings, *, adders: int = 2) -> Plan:
    """Instances and links of a network.

    Args:
        network: the stages.
        foldings: of each sparse stage.
        adders: pixels that an addition takes in a clock, at most.

    Raises:
        BadInputError: a folding that does not go with the map or with the stage before.
    """
    return _Planner(network, foldings, adders).plan()


class _Planner:
    def __init__(self, network: Network, foldings: Foldings, adders: int) -> None:
        self.network, self.foldings, self.adders = network, foldings, adders
        self.bypasses = bypasses(network)
        self.links: dict[str, Link] = {}
        self.instances: list[Instance] = []
        self.memories: dict[str, Memory] = {}
        self.cores: dict[str, tuple[Core, ...]] = {}
        self.pixels: dict[str, int] = {}
        self.ends: dict[str, list[str]] = {}  # links of a tensor that wait for a reader

    def plan(self) -> Plan:
        network = self.network
        self._offer(network.pixels, 1, self._link("pixels", network.pixels, 1))
        for stage in network.stages:
            self._stage(stage)
        out = self.ends[network.result.name].pop()
        shape = network.result.shape
        if self.pixels[network.result.name] != 1 or network.result.border:
            raise BadInputError(
                f"design {network.name}: StreamRTL ends in a global sum or an arg max, not in a map of "
                f"{shape}; add a global average"
            )
        return Plan(
            network.name, network, dict(self.foldings), tuple(self.links.values()), tuple(self.instances),
            self.memories, self.cores, "pixels", out, network.pixels.type.width, network.result.type.width,
            math.prod(network.pixels.shape), math.prod(shape), self.pixels,
        )  # fmt: skip

    # ---- links ----
    def _link(
        self, name: str, tensor: Tensor, pixels: int, *, whole: bool = True, data: str | None = None
    ) -> str:
        self.links[name] = Link(
            name, pixels * tensor.type.width, tensor.name if whole else None, pixels, data
        )
        return name

    def _offer(self, tensor: Tensor, pixels: int, link: str) -> None:
        """A tensor is there, in words of so many pixels: copy it for all that read it."""
        self.pixels[tensor.name] = pixels
        copies = []
        for reader in self.network.readers(tensor.name):
            copies += [f"{link}_to_{name}" for name in self._mouths(reader)]
        self.ends[tensor.name] = self._fork(link, tensor, copies)

    def _mouths(self, reader: Stage) -> list[str]:
        """Names for the copies that a stage takes of its input."""
        rows = reader.rows
        cores = 1 if rows is None or rows.window.step > 1 else self.foldings[reader.name].cores
        return [reader.name if cores == 1 else f"{reader.name}_{i}" for i in range(cores)]

    def _fork(self, link: str, tensor: Tensor, copies: list[str]) -> list[str]:
        """The link for one reader; for several, links of these names that copy it."""
        if len(copies) <= 1:
            return [link]
        for name in copies:
            self._link(name, tensor, self.links[link].pixels, whole=False, data=link)
        self._instance(
            "sqz_fork", f"{link}_fork", {"N": len(copies)},
            {"in": (link,), "out": tuple(copies)}, self.network.readers(tensor.name)[0].name, clocked=False,
        )  # fmt: skip
        return copies

    def _take(self, tensor: str, count: int = 1) -> list[str]:
        taken, self.ends[tensor] = self.ends[tensor][:count], self.ends[tensor][count:]
        return taken

    def _instance(
        self, module: str, name: str, parameters: Mapping[str, int | str],
        streams: Mapping[str, tuple[str, ...]], stage: str, *, clocked: bool = True,
    ) -> None:  # fmt: skip
        self.instances.append(Instance(module, name, parameters, streams, stage, clocked))

    def _reblock(self, link: str, tensor: Tensor, pixels: int, slots: int, stage: str) -> str:
        before = self.pixels[tensor.name]
        name = f"{stage}_reblock_{tensor.name}"
        self._instance(
            "sqz_reblock", name, reblock_parameters(tensor, before, pixels, slots),
            {"in": (link,), "out": (self._link(f"{name}_out", tensor, pixels, whole=False),)}, stage,
        )  # fmt: skip
        return f"{name}_out"

    # ---- stages ----
    def _stage(self, stage: Stage) -> None:
        if stage.rows is not None:
            self._sparse(stage, stage.rows)
        elif stage.kind == "pool":
            self._pool(stage)
        elif stage.kind == "add":
            self._add(stage)
        elif stage.kind == "sum":
            self._sum(stage)
        else:
            self._argmax(stage)

    def _regrouped(self, stage: Stage, rows: Rows) -> list[str]:
        """The pixels regrouped for a convolution with a stride, a link for each core."""
        tensor = self.network.tensor(stage.inputs[0])
        height, width, channels = tensor.shape
        if self.pixels[tensor.name] != 1 or tensor.pitch != width:
            raise BadInputError(
                f"{stage.name}: StreamRTL dissolves the stride of the first layer only; use the Vitis backend"
            )
        name = self._link(f"{stage.name}_regrouped", tensor, 1, whole=False)
        self._instance(
            "sqz_space_to_depth", f"{stage.name}_regroup",
            {"B": tensor.type.width, "W": width, "H": height, "C": channels, "S": rows.window.step},
            {"in": tuple(self._take(tensor.name)), "out": (name,)}, stage.name,
        )  # fmt: skip
        return self._fork(name, tensor, [f"{name}_to_{i}" for i in range(self.foldings[stage.name].cores)])

    def _sparse(self, stage: Stage, rows: Rows) -> None:
        folding, source = self.foldings[stage.name], stage.inputs[0]
        links = self._regrouped(stage, rows) if rows.window.step > 1 else self._take(source, folding.cores)
        cores = make_cores(rows, folding, self.pixels[source])
        self.cores[stage.name] = cores
        width = folding.pixels * stage.output.type.width
        outs = []
        for link, core in zip(links, cores, strict=True):
            self.memories.update(core.memories)
            outs.append(self._link(f"{core.name}_out", stage.output, folding.pixels, whole=len(cores) == 1))
            self._instance(
                "sqz_sparse_core", core.name, core.parameters, {"in": (link,), "out": (outs[-1],)}, stage.name
            )
        if len(cores) > 1:
            file = f"{rows.name}.schedule.mem"
            self.memories[file] = (max(1, (len(cores) - 1).bit_length()), schedule(rows, folding))
            joined = self._link(f"{rows.name}_out", stage.output, folding.pixels)
            self._instance(
                "sqz_merge", f"{rows.name}_merge",
                {"WIDTH": width, "N": len(cores), "ROWS": len(rows.weights), "FILE": file},
                {"in": tuple(outs), "out": (joined,)}, stage.name,
            )  # fmt: skip
            outs = [joined]
        self._offer(stage.output, folding.pixels, outs[0])

    def _pool(self, stage: Stage) -> None:
        source = self.network.tensor(stage.inputs[0])
        (link,) = self._take(source.name)
        pixels = pool_pixels(source, stage.output, self.pixels[source.name])
        if pixels != self.pixels[source.name]:
            link = self._reblock(link, source, pixels, 2, stage.name)
        parameters = pool_parameters(source, stage.output, pixels)
        if source.pitch // pixels * source.shape[2] < 2 or source.pitch - source.shape[1] >= pixels:
            raise BadInputError(
                f"{stage.name}: a pool needs rows of at least 2 words, the last of them within the map, not "
                f"words of {pixels} pixels; fold the layer before it otherwise"
            )
        out = stage.output.pitch if pixels == source.pitch else pixels // 2
        name = self._link(f"{stage.name}_out", stage.output, out)
        self._instance("sqz_max_pool", stage.name, parameters, {"in": (link,), "out": (name,)}, stage.name)
        self._offer(stage.output, out, name)

    def _add(self, stage: Stage) -> None:
        bypass = self.bypasses[stage.name]
        pixels = self.pixels[bypass.ends[0].name]
        tensors = [self.network.tensor(name) for name in stage.inputs]
        links = []
        for tensor in tensors:
            (link,) = self._take(tensor.name)
            if tensor == bypass.ends[1]:
                slots = queue_slots(bypass, self.foldings, self.pixels)
                link = self._reblock(link, tensor, pixels, slots, stage.name)
            links.append(link)
        types = [t.type for t in tensors]
        fine, to = max(t.fraction for t in types), stage.layer.out_type
        if to.signed or to.saturation not in ("SAT", "WRAP"):
            raise BadInputError(
                f"{stage.name}: StreamRTL adds to an unsigned type, not {to}; put a ReLU after it"
            )
        name = self._link(f"{stage.name}_out", stage.output, pixels)
        units = math.gcd(pixels, self.adders)
        self._instance(
            "sqz_add", stage.name,
            {"P": pixels, "U": units, "A": types[0].width, "A_UP": fine - types[0].fraction,
             "BB": types[1].width, "B_UP": fine - types[1].fraction, "DROP": fine - to.fraction,
             "ROUNDING": ROUNDINGS[to.rounding],
             "OUT": to.width, "SATURATE": int(to.saturation == "SAT")},
            {"a": (links[0],), "b": (links[1],), "out": (name,)}, stage.name,
        )  # fmt: skip
        self._offer(stage.output, pixels, name)

    def _sum(self, stage: Stage) -> None:
        source = self.network.tensor(stage.inputs[0])
        (link,) = self._take(source.name)
        pixels = self.pixels[source.name]
        height, width, channels = source.shape
        name = self._link(f"{stage.name}_out", stage.output, 1)
        out, file = stage.output.type.width, f"{stage.name}.sums.mem"
        outside = (height + 2 * source.border) * (width + 2 * source.border) - height * width
        if source.border:
            mask = (1 << out) - 1
            self.memories[file] = (out, tuple(outside * value & mask for value in source.constants))
        self._instance(
            "sqz_global_sum", stage.name,
            {"B": source.type.width, "C": channels, "P": pixels, "BLOCKS": height * source.pitch // pixels,
             "W": source.pitch, "WIDTH": width, "INIT": int(source.border > 0), "FILE": file, "OUT": out},
            {"in": (link,), "out": (name,)}, stage.name,
        )  # fmt: skip
        self._offer(stage.output, 1, name)

    def _argmax(self, stage: Stage) -> None:
        source = self.network.tensor(stage.inputs[0])
        (link,) = self._take(source.name)
        if source.shape[:2] != (1, 1) or self.pixels[source.name] != 1:
            raise BadInputError(f"{stage.name}: StreamRTL takes the arg max of scores, not of {source.shape}")
        name = self._link(f"{stage.name}_out", stage.output, 1)
        self._instance(
            "sqz_argmax", stage.name,
            {"B": source.type.width, "C": source.shape[2], "OUT": stage.output.type.width},
            {"in": (link,), "out": (name,)}, stage.name,
        )  # fmt: skip
        self._offer(stage.output, 1, name)
