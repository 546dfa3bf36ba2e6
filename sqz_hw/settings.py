"""Settings of a build, validated once; they end up in ``build.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sqz_hw.errors import BadInputError


class BuildSettings(BaseModel):
    """What a build was asked for.

    Attributes:
        part: short name, full name or board.
        model: zoo name or path of a quantised model file.
        data: ``cifar10``, an ``.npz`` or a folder; None verifies on images that are made.
        images: how many to verify on.
        output: folder of the project; None means ``hls_projects/<model>-<part>``.
        backend: whose HLS dialect to write, or StreamRTL for Verilog.
        clock_mhz: the clock asked of the tool.
        target_fps: images a second that are enough; None means as many as fit.
        fifo_margin: words added to each FIFO in which words pile up.
        synth: run the vendor's synthesis (StreamRTL: Yosys) and put what it measured beside the estimates.
        cosim: run its co-simulation as well (hours).
        result: what leaves the chip: scores, or the index of the largest.
        strict: treat "unsure" as "does not fit".
        workers: simulation processes; None means one for each core.
        seed: of the images that are made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str
    model: str
    data: str | None = None
    images: int = Field(32, ge=1, le=1_000_000)
    output: Path | None = None
    backend: Literal["Vitis", "Vivado", "StreamRTL"] = "Vitis"
    clock_mhz: float = Field(100.0, ge=1.0, le=1000.0)
    target_fps: float | None = Field(None, gt=0, le=1e9, allow_inf_nan=False)
    fifo_margin: int = Field(2, ge=0, le=4096)
    synth: bool = False
    cosim: bool = False
    result: Literal["scores", "argmax"] = "scores"
    strict: bool = False
    workers: int | None = Field(None, ge=1, le=256)
    seed: int = Field(1, ge=0, le=2**31 - 1)


Settings = TypeVar("Settings", bound=BaseModel)


def validated(kind: type[Settings], **options: object) -> Settings:
    """Make settings, with the first fault as one line that names the option.

    Raises:
        BadInputError: an option is out of range or of the wrong type.
    """
    try:
        return kind(**options)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + "-".join(str(part) for part in first["loc"]).replace("_", "-")
        message = first["msg"][0].lower() + first["msg"][1:]
        raise BadInputError(f"{option}: {message}, not {first['input']!r}") from error
