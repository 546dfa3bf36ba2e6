"""The proxy of a full training: some epochs on some images, pruning on the way, then quantisation.

What it gives ranks networks; its accuracy is far below that of a full training, so every value
is labelled with the epochs and images (``ExploreSettings.proxy``).
"""

from __future__ import annotations

import gc
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sqz_hw.errors import BadInputError
from sqz_hw.explore.candidate import Candidate
from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.explore.subset import Split
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.layers import Kind
from sqz_hw.model.modelfile import Model
from sqz_hw.model.network import Weights, float_network, fold_batch_norm
from sqz_hw.model.quantisation import Quantisation, best_weight_type, quantise
from sqz_hw.ptq.post_training import quantise_model
from sqz_hw.ptq.settings import PtqSettings
from sqz_hw.settings import validated
from sqz_hw.training.batches import Batches

RAMP = (0.3, 0.75)
"""Shares of the steps at which pruning begins and has come to its density (cubic: Zhu and Gupta 2017)."""
UPDATES = 8
"""Times that masks are chosen on the ramp."""
MOMENTUM = 0.9
ACTIVATION_INTEGER = 2
"""Integer bits of the activations of a network that nobody has calibrated."""


def trained(candidate: Candidate, settings: ExploreSettings, split: Split) -> Model:
    """A quantised network after the proxy training; the same for the same arguments and one thread.

    Raises:
        BadInputError: the loss leaves the finite numbers.
    """
    arch = candidate.architecture
    network = _network(candidate, settings)
    _train(network, candidate, settings, split)
    model = _quantised(candidate, settings, split, fold_batch_norm(network, arch))
    _forget()
    return model


def untrained(candidate: Candidate, settings: ExploreSettings) -> Model:
    """A network of the candidate's shapes, widths and zeros with random weights, which takes no time.

    Its hardware is much like the trained one's: only accumulators may differ by some bits.
    """
    arch = candidate.architecture
    rng = np.random.default_rng(settings.seed)
    weights: dict[str, npt.NDArray[np.float32]] = {}
    for spec in arch.convolutions:
        shape = (spec.kernel, spec.kernel, spec.in_shape[2], spec.out_shape[2])
        kernel = rng.normal(0.0, math.sqrt(2 / math.prod(shape[:3])), shape)
        weights[f"{spec.name}/kernel"] = (kernel * largest(kernel, candidate.kept(spec))).astype(np.float32)
        weights[f"{spec.name}/bias"] = np.zeros(shape[3], np.float32)
    relus = [s.name for s in arch.layers if s.kind is Kind.RELU]
    activations = dict.fromkeys(relus, FixedPoint(candidate.activation_bits, ACTIVATION_INTEGER, False))
    activations[relus[-1]] = FixedPoint(settings.score_bits, ACTIVATION_INTEGER, False)
    quantisation = Quantisation(
        {
            s.name: best_weight_type(weights[f"{s.name}/kernel"], candidate.weight_bits)
            for s in arch.convolutions
        },
        {s.name: FixedPoint(settings.bias_bits, 1, True) for s in arch.convolutions},
        activations,
    )
    on_grid = {
        key: quantise(values, quantisation.of(key)).astype(np.float32) for key, values in weights.items()
    }
    return Model("trial", arch, on_grid, quantisation, {"weights": "random"})


def largest(kernel: npt.NDArray[np.floating[Any]], count: int) -> npt.NDArray[np.bool_]:
    """A mask of exactly ``count`` weights of the largest magnitude; of equals the first ones."""
    mask = np.zeros(kernel.size, bool)
    mask[np.argsort(-np.abs(kernel.ravel()), kind="stable")[:count]] = True
    return mask.reshape(kernel.shape)


def _network(candidate: Candidate, settings: ExploreSettings) -> Any:
    tf.keras.utils.set_random_seed(settings.seed)
    return float_network(candidate.architecture)


def _forget() -> None:
    tf.keras.backend.clear_session()
    gc.collect()


def _quantised(candidate: Candidate, settings: ExploreSettings, split: Split, weights: Weights) -> Model:
    widths = validated(
        PtqSettings,
        weight_bits=candidate.weight_bits,
        activation_bits=candidate.activation_bits,
        bias_bits=settings.bias_bits,
        score_bits=settings.score_bits,
        calibration_images=settings.calibration_images,
        seed=settings.seed,
    )
    model = Model("trial", candidate.architecture, weights, None, {"proxy": settings.proxy})
    return quantise_model(model, split.x, widths, lambda what, done, total: None)


def _train(network: Any, candidate: Candidate, settings: ExploreSettings, split: Split) -> None:
    batch = min(settings.proxy_batch, len(split.x))
    steps = len(split.x) // batch * settings.proxy_epochs
    step = _step(network, candidate, settings, steps)
    masks = _Masks(network, candidate, steps)
    done, loss = 0, tf.zeros(())
    for epoch in range(settings.proxy_epochs):
        batches = Batches(split.x, split.y, batch, settings.seed, epoch)
        for i in range(len(batches)):
            loss = step(*batches[i], masks.variables)
            done += 1
            masks.update(done)
    if not math.isfinite(float(loss)):
        raise BadInputError(f"the loss must stay finite, not {float(loss)}; lower --proxy-rate")


def _step(network: Any, candidate: Candidate, settings: ExploreSettings, steps: int) -> Any:
    """One step of SGD as in the full training; then the masks."""
    warm = steps // 10
    rate = tf.keras.optimizers.schedules.CosineDecay(
        settings.proxy_rate / 10,
        steps - warm,
        alpha=0.0,
        warmup_target=settings.proxy_rate,
        warmup_steps=warm,
    )
    optimizer = tf.keras.optimizers.SGD(
        rate, momentum=MOMENTUM, nesterov=True, weight_decay=settings.weight_decay
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    optimizer.build(network.trainable_variables)
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    kernels = [network.get_layer(s.safe_name).kernel for s in candidate.architecture.convolutions if s.fire]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(images: Any, labels: Any, masks: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, network(images, training=True))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        for kernel, mask in zip(kernels, masks, strict=True):
            kernel.assign(kernel * mask)
        return loss

    return step


class _Masks:
    """Zeros of the Fire modules' kernels, by magnitude, ever more until the density is reached."""

    def __init__(self, network: Any, candidate: Candidate, steps: int) -> None:
        self._candidate = candidate
        self._specs = [s for s in candidate.architecture.convolutions if s.fire]
        self._kernels = [network.get_layer(s.safe_name).kernel for s in self._specs]
        self.variables = [tf.Variable(tf.ones_like(kernel), trainable=False) for kernel in self._kernels]
        first, last = (max(1, round(share * steps)) for share in RAMP)
        ends = range(1, UPDATES + 1)
        self._updates = {first + (last - first) * i // UPDATES: i / UPDATES for i in ends}
        if candidate.density == 1:
            self._updates = {}

    def update(self, step: int) -> None:
        """Choose masks anew where the ramp says so; call it after each step."""
        share = self._updates.get(step)
        if share is None:
            return
        for spec, kernel, mask in zip(self._specs, self._kernels, self.variables, strict=True):
            values = kernel.numpy()
            target = self._candidate.kept(spec)
            count = target + round((values.size - target) * (1 - share) ** 3)
            mask.assign(largest(values, count).astype(np.float32))
            kernel.assign(kernel * mask)
