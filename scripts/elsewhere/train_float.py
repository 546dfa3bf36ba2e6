#!/usr/bin/env python3
"""Trains a float SqueezeNet in PyTorch, as a starting point (``train.py --start``) or a teacher.

Nothing requires it: ``train.py`` has a float stage of its own. This one is several times as fast on a CPU
with bfloat16 units (AMX), and runs on a GPU where there is one. Needs torch, numpy, click, pydantic,
safetensors and pillow; g++ for ``--fused``. What it writes is a float model file of ours. The same command
goes on from its checkpoint.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]
import checkpoint  # noqa: E402
from augmentation import Epoch, pixels, split  # noqa: E402
from efficientnet import fast, is_teacher, load_teacher  # noqa: E402
from float_network import Folded, Network  # noqa: E402
from narrow import begin_narrow  # noqa: E402
from starting import Zeros, begin_from, hold, zeros_of  # noqa: E402

from sqz_hw.model import datasets  # noqa: E402
from sqz_hw.model.architecture import named, small_stem  # noqa: E402
from sqz_hw.model.modelfile import Model, load, save  # noqa: E402

WARM_UP = 2
"""Epochs over which the rate rises."""


def rate_at(step: int, steps: int, epochs: int, top: float) -> float:
    """Linear warm-up, then a cosine to zero."""
    warm, total = min(WARM_UP, epochs / 4) * steps, epochs * steps
    return top * min(
        (step + 1) / warm, 0.5 * (1 + math.cos(math.pi * max(0.0, step - warm) / (total - warm)))
    )


def accuracy(network: torch.nn.Module, data: datasets.Dataset, device: torch.device) -> float:
    """Top-1 in percent."""
    network.eval()
    hits = 0
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
        for i in range(0, len(data), 500):
            scores = network(pixels(torch.from_numpy(data.x[i : i + 500]), device)).float().cpu().numpy()
            hits += int((scores.argmax(1) == data.y[i : i + 500]).sum())
    network.train()
    return 100 * hits / len(data)


def mixed(
    x: torch.Tensor, labels: torch.Tensor, classes: int, alpha: float, draws: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images, and labels as probabilities, each mixed with its neighbour in the batch.

    Mixup, Zhang et al. 2018 (arXiv 1710.09412), section 2. ``alpha``: of the Beta distribution that an
    image's share is drawn from, of which it has the larger part itself. 0: no mixing.
    """
    wanted = torch.nn.functional.one_hot(labels, classes).float()
    if not alpha:
        return x, wanted
    drawn = draws.beta(alpha, alpha, len(x))
    share = torch.from_numpy(np.maximum(drawn, 1 - drawn)).float().to(x.device)[:, None]
    image = share[:, :, None, None]
    return x * image + x.roll(1, 0) * (1 - image), wanted * share + wanted.roll(1, 0) * (1 - share)


def loss_of(
    scores: torch.Tensor, labels: torch.Tensor, target: torch.Tensor | None, o: dict[str, Any]
) -> torch.Tensor:
    """Cross entropy with smoothed labels, mixed with that of the teachers (Hinton et al. 2015, section 2).

    ``labels``: classes or their probabilities. ``target``: probabilities, N x classes, at the temperature.
    """
    loss = torch.nn.functional.cross_entropy(scores, labels, label_smoothing=o["label_smoothing"])
    if target is None:
        return loss
    t, share = o["distill_temperature"], o["distill_weight"]
    soft = torch.nn.functional.kl_div(torch.log_softmax(scores / t, 1), target, reduction="batchmean")
    return (1 - share) * loss + share * t * t * soft


Teacher = Callable[[torch.Tensor], torch.Tensor]
"""Scores, N x classes, of images N x 3 x S x S (pixel / 256)."""


def teacher_of(path: Path, device: torch.device, compiled: bool) -> Teacher:
    """A stored network for inference: of our own architecture, or one of ``train_teacher.py``."""
    if is_teacher(path):
        large = load_teacher(path).to(device)
        return fast(large) if compiled else large
    model = load(path)
    folded = Folded(model.architecture, dict(model.weights))
    return folded.to(device).to(memory_format=torch.channels_last)


@torch.no_grad()
def taught(teachers: list[Teacher], x: torch.Tensor, temperature: float) -> torch.Tensor | None:
    """The mean of the teachers' probabilities at a temperature; None without a teacher."""
    if not teachers:
        return None
    each = [torch.softmax(teacher(x).float() / temperature, 1) for teacher in teachers]
    return torch.stack(each).mean(0)


def one_epoch(
    network: Network,
    teachers: list[Teacher],
    optimizer: torch.optim.SGD,
    zeros: Zeros,
    batches: Epoch,
    epoch: int,
    o: dict[str, Any],
    device: torch.device,
) -> dict[str, Any]:
    """Train for one epoch; loss, accuracy on the augmented batches and the last rate."""
    running, hits, rate = 0.0, 0, 0.0
    draws = np.random.default_rng([o["seed"], epoch, 11])
    for i, (images, labels) in enumerate(batches):
        x, labels = pixels(images, device), labels.to(device)
        rate = rate_at(epoch * len(batches) + i, len(batches), o["epochs"], o["rate"])
        for group in optimizer.param_groups:
            group["lr"] = rate
        x, wanted = mixed(x, labels, network.arch.classes, o["mixup"], draws)
        with torch.autocast(device.type, torch.bfloat16):
            scores = network(x).float()
            target = taught(teachers, x, o["distill_temperature"])
        loss = loss_of(scores, wanted, target, o)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hold(zeros)
        running += float(loss.detach())
        hits += int((scores.detach().argmax(1) == labels).sum())
    images_seen = len(batches) * o["batch_size"]
    return {
        "epoch": epoch + 1,
        "loss": running / len(batches),
        "train_top1": 100 * hits / images_seen,
        "rate": rate,
    }


@click.command()
@click.option("--data", required=True, help="cifar10, an .npz or a folder, as for train.py.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--name", required=True)
@click.option("--architecture", default="v1.1", show_default=True)
@click.option("--set", "changes", multiple=True, help="field=value (JSON) of the architecture.")
@click.option("--epochs", default=40, show_default=True)
@click.option("--rate", default=0.1, show_default=True)
@click.option("--weight-decay", default=5e-4, show_default=True)
@click.option("--batch-size", default=128, show_default=True)
@click.option("--label-smoothing", default=0.1, show_default=True)
@click.option("--cutout", default=0, show_default=True, help="Side of the square in pixels.")
@click.option("--mixup", default=0.0, show_default=True, help="Beta distribution's alpha; 0: none.")
@click.option("--validation-images", default=1000, show_default=True)
@click.option("--split-seed", type=int, default=None, help="Of the images held out; --seed unless given.")
@click.option(
    "--teacher", "teachers", type=click.Path(path_type=Path), multiple=True,
    help="A float model file, or one of train_teacher.py; of several, the mean.",
)  # fmt: skip
@click.option(
    "--start", type=click.Path(path_type=Path), default=None, help="Float model file to go on from."
)
@click.option("--narrow", is_flag=True, help="The start is a wider network: its strongest channels are kept.")
@click.option(
    "--keep-zeros", is_flag=True, help="Weights that are zero in the start stay so (it was pruned)."
)
@click.option("--distill-weight", default=0.5, show_default=True)
@click.option("--distill-temperature", default=2.0, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--fused/--no-fused", default=True, help="bn_relu.cpp on a CPU; needs g++.")
@click.option("--compile", "compiled", is_flag=True, help="Teachers of train_teacher.py by torch.compile.")
@click.option("--stop-after", type=int, default=None, help="Epochs of this call; the same command goes on.")
def main(**o: Any) -> None:
    """Train a float network."""
    torch.set_num_threads(o["threads"])
    torch.manual_seed(o["seed"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = datasets.load(o["data"], None, train=True)
    changes = {k: json.loads(v) for k, _, v in (c.partition("=") for c in o["changes"])}
    arch = small_stem(named(o["architecture"]), classes=int(data.y.max()) + 1, **changes)
    kept, validation = split(
        data, o["validation_images"], o["seed"] if o["split_seed"] is None else o["split_seed"]
    )
    network = (
        Network(arch, o["fused"] and device.type == "cpu").to(device).to(memory_format=torch.channels_last)
    )
    teachers = [teacher_of(path, device, o["compiled"]) for path in o["teachers"]]
    kernels, others = list(network.convolutions.parameters()), list(network.norms.parameters())
    groups = [{"params": kernels, "weight_decay": o["weight_decay"]}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True)
    folder: Path = o["output"]
    folder.mkdir(parents=True, exist_ok=True)
    history = checkpoint.restore(folder, network, optimizer)
    if o["start"] and not history:
        fresh = (begin_narrow if o["narrow"] else begin_from)(network, load(o["start"]), kept)
        click.echo(json.dumps({"start": o["start"].name, "fresh_layers": fresh}))
    zeros = zeros_of(network) if o["keep_zeros"] else []
    last = min(o["epochs"], len(history) + (o["stop_after"] or o["epochs"]))
    for epoch in range(len(history), last):
        began = time.monotonic()
        batches = Epoch(kept, o["batch_size"], o["seed"], epoch, o["cutout"])
        entry = one_epoch(network, teachers, optimizer, zeros, batches, epoch, o, device)
        entry["validation_top1"] = accuracy(network, validation, device)
        entry["seconds"] = round(time.monotonic() - began, 1)
        history.append(entry)
        click.echo(json.dumps(entry))
        checkpoint.store(folder, network, optimizer, history)
    if len(history) == o["epochs"]:
        record = {
            "made_by": "scripts/elsewhere/train_float.py", "torch": torch.__version__, "device": device.type,
            "settings": _plain(o), "training_images": len(kept), "history": history,
            "seconds": round(sum(h["seconds"] for h in history)),
        }  # fmt: skip
        save(Model(o["name"], arch, network.cpu().folded(), None, record), folder / "model-float.safetensors")


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """The options without this machine's folders."""
    kept = {k: v for k, v in options.items() if k not in ("output", "data", "stop_after", "compiled")}
    return {k: [_name(each) for each in v] if isinstance(v, tuple) else _name(v) for k, v in kept.items()}


def _name(value: Any) -> Any:
    return value.name if isinstance(value, Path) else value


if __name__ == "__main__":
    main()
