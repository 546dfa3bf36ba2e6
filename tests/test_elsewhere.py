"""The PyTorch trainer of starting points: its fused kernel against autograd, its folding against our network."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="scripts/elsewhere needs torch, which the project does not")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts" / "elsewhere"))

from augmentation import Epoch, pixels  # noqa: E402
from float_network import Folded, Network, enlarged  # noqa: E402
from fused import join  # noqa: E402
from narrow import begin_narrow  # noqa: E402
from starting import begin_from, hold, zeros_of  # noqa: E402
from train_float import loss_of, mixed, taught  # noqa: E402

from sqz_hw.model.architecture import V1_1, small_stem  # noqa: E402
from sqz_hw.model.datasets import Dataset  # noqa: E402
from sqz_hw.model.modelfile import Model  # noqa: E402

ARCH = small_stem(V1_1, width=0.25, bypass="complex", pools_after=(1, 4), input_size=12, fire_modules=4)


@pytest.mark.parametrize("with_skip", [False, True])
def test_the_fused_kernel_gives_autograds_gradients(with_skip):
    torch.manual_seed(3)
    maps = [torch.randn(4, c, 5, 7).bfloat16() for c in (16, 24)]
    skip = torch.rand(4, 40, 5, 7).bfloat16() if with_skip else None
    seen = []
    for fused in (True, False):
        norms = [torch.nn.BatchNorm2d(c, eps=1e-3) for c in (16, 24)]
        for n in norms:
            torch.nn.init.uniform_(n.weight, 0.5, 2, generator=torch.Generator().manual_seed(1))
        inputs = [m.clone().requires_grad_() if fused else m.float().requires_grad_() for m in maps]
        extra = None if skip is None else skip.clone().to(inputs[0].dtype).requires_grad_()
        out = join(inputs, norms, extra, training=True, fused=fused)
        out.backward(torch.cos(torch.arange(out.numel()).reshape(out.shape)).to(out.dtype))
        seen.append(
            [out, *(i.grad for i in inputs), *(n.weight.grad for n in norms), *(n.bias.grad for n in norms)]
            + [n.running_var for n in norms] + ([] if extra is None else [extra.grad])
        )  # fmt: skip
    for ours, theirs in zip(*seen, strict=True):
        close = torch.isclose(ours.float(), theirs.float(), rtol=0.02, atol=0.02)
        assert (
            close.float().mean() > 0.995
        )  # a value within bfloat16 of zero may fall on either side of the ReLU


def test_folding_keeps_the_function():
    torch.manual_seed(0)
    network = Network(ARCH, fused=False)
    x = torch.rand(8, 3, 12, 12)
    for _ in range(3):
        network(x)
    network.eval()
    folded = Folded(ARCH, network.folded())
    assert torch.allclose(network(x), folded(x), atol=1e-4)


def test_the_folded_weights_are_ours():
    tf_network = pytest.importorskip("sqz_hw.model.network", reason="needs tensorflow beside torch")
    network = Network(ARCH, fused=False).eval()
    x = torch.rand(2, 3, 12, 12)
    keras = tf_network.float_network(ARCH, batch_norm=False)
    tf_network.set_weights(keras, network.folded())
    scores = keras(x.permute(0, 2, 3, 1).numpy()).numpy()
    assert np.allclose(scores, network(x).detach().numpy(), atol=1e-4)


def test_augmentation_depends_on_seed_epoch_and_image_alone():
    rng = np.random.default_rng(0)
    data = Dataset(rng.integers(0, 256, (20, 16, 16, 3), np.uint8), np.arange(20), "made")
    by_label = {}
    for size in (4, 10):
        for images, labels in Epoch(data, size, 1, 2, cutout=4):
            for image, label in zip(images.numpy(), labels.numpy(), strict=True):
                assert np.array_equal(by_label.setdefault(int(label), image), image)
    assert len(by_label) == 20
    other = next(iter(Epoch(data, 20, 1, 3, cutout=4)))
    assert not all(
        np.array_equal(by_label[int(n)], i) for i, n in zip(*(t.numpy() for t in other), strict=True)
    )


def _made_images(side: int) -> Dataset:
    rng = np.random.default_rng(5)
    return Dataset(rng.integers(0, 256, (500, side, side, 3), np.uint8), np.arange(500) % 10, "made")


def test_a_start_of_the_same_architecture_computes_the_same():
    torch.manual_seed(1)
    data = _made_images(12)
    weights = Network(ARCH, fused=False).folded()
    weights = {k: v * 3 if k.endswith("kernel") else v + 0.1 for k, v in weights.items()}
    network = Network(ARCH, fused=False)
    assert begin_from(network, Model("m", ARCH, weights), data) == []
    x = pixels(torch.from_numpy(data.x), torch.device("cpu"))
    wanted = Folded(ARCH, weights)(x)
    assert torch.allclose(network.eval()(x), wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))
    # and on a batch's own statistics, which are these images': nearly
    assert torch.allclose(network.train()(x), wanted, rtol=2e-2, atol=2e-2 * float(wanted.abs().max()))


def test_a_transfer_names_the_layers_that_stay_random():
    other = small_stem(V1_1, width=0.25, pools_after=(1,), input_size=12, fire_modules=4, classes=7)
    torch.manual_seed(1)
    stored = Network(other, fused=False).folded()
    network = Network(ARCH, fused=False)
    fresh = begin_from(network, Model("m", other, stored), _made_images(12))
    assert "conv6" in fresh
    assert all("bypass" in name for name in fresh if name != "conv6")
    taken = network.folded()["fire2/expand3x3/kernel"]
    scale = taken / stored["fire2/expand3x3/kernel"]
    assert np.allclose(scale, 1, rtol=1e-3)


def test_a_narrower_network_begins_with_the_strongest_channels():
    torch.manual_seed(2)
    data = _made_images(12)
    shape = {"pools_after": (1,), "input_size": 12, "fire_modules": 2}
    wide, narrow = (small_stem(V1_1, width=w, **shape) for w in (0.25, 0.125))
    weights = Network(wide, fused=False).folded()
    for i in (0, 3, 5, 6, 9, 11, 12, 15):  # of 16: these stay
        weights["conv1/kernel"][..., i] *= 10
    network = Network(narrow, fused=False)
    assert begin_narrow(network, Model("m", wide, weights), data) == ["conv4"]
    taken = network.convolutions["conv1"].weight.detach().permute(2, 3, 1, 0).numpy()
    kept = weights["conv1/kernel"][..., [0, 3, 5, 6, 9, 11, 12, 15]]
    assert np.allclose(taken / np.linalg.norm(taken.reshape(-1, 8), axis=0), taken, atol=1e-6)
    assert np.allclose(taken, kept / np.linalg.norm(kept.reshape(-1, 8), axis=0), atol=1e-6)
    # the maps have the wide network's moments
    x = pixels(torch.from_numpy(data.x), torch.device("cpu"))
    seen = {}
    for name, arch, w in (("wide", wide, weights), ("narrow", narrow, network.folded())):
        folded = Folded(arch, w)
        folded.inner.convolutions["conv1"].register_forward_hook(
            lambda _, __, out, name=name: seen.update({name: out})
        )
        folded(x)
    chosen = seen["wide"][:, [0, 3, 5, 6, 9, 11, 12, 15]]
    assert torch.allclose(seen["narrow"], chosen, rtol=0.02, atol=0.02 * float(chosen.std()))


def test_a_wide_network_as_narrow_as_ours_computes_nearly_the_same_maps():
    torch.manual_seed(2)
    data = _made_images(12)
    arch = small_stem(V1_1, width=0.25, pools_after=(1,), input_size=12, fire_modules=3)
    weights = Network(arch, fused=False).folded()
    network = Network(arch, fused=False)
    begin_narrow(network, Model("m", arch, weights), data)
    x = pixels(torch.from_numpy(data.x), torch.device("cpu"))
    seen = {}
    for name, w in (("was", weights), ("is", network.folded())):
        folded = Folded(arch, w)
        folded.inner.convolutions["fire4_expand3x3"].register_forward_hook(
            lambda _, __, out, name=name: seen.update({name: out})
        )
        folded(x)
    assert (seen["is"] - seen["was"]).std() < 0.05 * seen["was"].std()


def test_bypass_cannot_be_narrowed():
    network = Network(ARCH, fused=False)
    with pytest.raises(ValueError, match="--narrow needs networks without bypass"):
        begin_narrow(network, Model("m", ARCH, network.folded()), _made_images(12))


def test_zeros_of_a_pruned_start_are_kept():
    torch.manual_seed(2)
    arch = small_stem(V1_1, width=0.25, pools_after=(1,), input_size=12, fire_modules=2)
    weights = Network(arch, fused=False).folded()
    held = np.random.default_rng(1).random(weights["fire2/expand3x3/kernel"].shape) < 0.7
    weights["fire2/expand3x3/kernel"][held] = 0
    network = Network(arch, fused=False)
    begin_from(network, Model("m", arch, weights), _made_images(12))
    zeros = zeros_of(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    for _ in range(3):
        network(torch.rand(8, 3, 12, 12)).square().sum().backward()
        optimizer.step()
        hold(zeros)
    assert np.array_equal(network.folded()["fire2/expand3x3/kernel"] == 0, held)


def test_several_teachers_give_the_mean_of_their_probabilities():
    first, second = (lambda x, s=s: torch.tensor([s]) for s in ([2.0, 0.0], [0.0, 6.0]))
    found = taught([first, second], None, 2.0)
    one, two = 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(3))
    assert np.allclose(found, [[(one + two) / 2, 1 - (one + two) / 2]])
    assert taught([], None, 2.0) is None


def test_distillation_mixes_labels_and_teacher():
    """Hinton et al. 2015, section 2: gradients of the soft part scale with 1/T^2, hence the factor."""
    scores, labels = torch.tensor([[1.0, -1.0]]), torch.tensor([0])
    options = {"label_smoothing": 0.0, "distill_temperature": 2.0, "distill_weight": 0.25}
    hard, target = float(np.log1p(np.exp(-2))), torch.tensor([[0.3, 0.7]])
    student = 1 / (1 + np.exp(-1))
    soft = 0.3 * np.log(0.3 / student) + 0.7 * np.log(0.7 / (1 - student))
    assert float(loss_of(scores, labels, target, options)) == pytest.approx(0.75 * hard + 0.25 * 4 * soft)
    assert float(loss_of(scores, labels, None, options)) == pytest.approx(hard)


def test_a_network_sees_images_at_its_own_size():
    """Bilinear, pixels as areas: PIL enlarges a channel of float32 the same way."""
    x = np.random.default_rng(4).random((8, 8)).astype(np.float32)
    found = enlarged(torch.from_numpy(x)[None, None], 24)[0, 0].numpy()
    wanted = np.asarray(Image.fromarray(x).resize((24, 24), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    arch = small_stem(V1_1, width=0.25, pools_after=(1,), input_size=24, fire_modules=2)
    network = Network(arch, fused=False).eval()
    small = torch.rand(2, 3, 8, 8)
    assert torch.equal(network(small), network(enlarged(small, 24)))


def test_mixup_shares_images_and_labels_alike():
    x, labels = torch.rand(64, 3, 4, 4), torch.arange(64) % 10
    images, wanted = mixed(x, labels, 10, 0.4, np.random.default_rng([1, 2, 11]))
    again, _ = mixed(x, labels, 10, 0.4, np.random.default_rng([1, 2, 11]))
    assert torch.equal(images, again)
    share = wanted[torch.arange(64), labels]
    assert (share >= 0.5).all()
    assert 0.5 < share.mean() < 0.95
    assert torch.allclose(wanted.sum(1), torch.ones(64))
    for i in range(64):
        neighbour = (i - 1) % 64
        assert torch.allclose(images[i], share[i] * x[i] + (1 - share[i]) * x[neighbour], atol=1e-6)
        assert float(wanted[i, labels[neighbour]]) == pytest.approx(1 - float(share[i]), abs=1e-6)
    same, alone = mixed(x, labels, 10, 0.0, np.random.default_rng(1))
    assert torch.equal(same, x)
    assert torch.equal(alone.argmax(1), labels)
    assert float(alone.max(1)[0].min()) == 1


def test_a_label_and_its_probabilities_cost_the_same():
    """The smoothed cross entropy of a class and of its one-hot vector."""
    scores, labels = torch.randn(8, 4), torch.arange(8) % 4
    options = {"label_smoothing": 0.1, "distill_temperature": 2.0, "distill_weight": 0.0}
    one_hot = torch.nn.functional.one_hot(labels, 4).float()
    assert torch.allclose(loss_of(scores, labels, None, options), loss_of(scores, one_hot, None, options))
