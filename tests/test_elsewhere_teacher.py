"""The large teacher: against the published figures, TensorFlow's padding and another implementation."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="scripts/elsewhere needs torch, which the project does not")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts" / "elsewhere"))

from efficientnet import EfficientNetLite0, Pointwise, is_teacher, load_teacher, same, save_teacher  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402
from train_float import teacher_of  # noqa: E402
from train_teacher import follow  # noqa: E402

from sqz_hw.model.architecture import V1_1, small_stem  # noqa: E402
from sqz_hw.model.datasets import Dataset  # noqa: E402
from sqz_hw.model.modelfile import Model, save  # noqa: E402


def _network(**options):
    torch.manual_seed(1)
    return EfficientNetLite0(**{"side": 64, "classes": 10} | options).to(memory_format=torch.channels_last)


def test_the_size_is_the_published_one():
    """EfficientNet-Lite0: 4.7 million parameters, 407 million multiply-accumulates at 224x224."""
    network, products = _network(side=224, classes=1000).eval(), []

    def note(layer, given, out):
        products.append(out.shape[2] * out.shape[3] * layer.weight.numel())

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(note)
    with torch.no_grad():
        network(torch.rand(1, 3, 32, 32))
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(4.7e6, rel=0.02)
    assert sum(products) == pytest.approx(407e6, rel=0.06)  # theirs counts more than convolutions


@pytest.mark.parametrize("side", [7, 8, 9, 12])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_padding_is_tensorflows(side, kernel, stride):
    tf = pytest.importorskip("tensorflow", reason="needs tensorflow beside torch")
    draws = np.random.default_rng(side)
    x, w = draws.normal(size=(1, side, side, 1)), draws.normal(size=(kernel, kernel, 1, 1))
    wanted = tf.nn.conv2d(x, w, stride, "SAME").numpy()
    layer = torch.nn.Conv2d(1, 1, kernel, stride, bias=False).double()
    layer.weight.data = torch.from_numpy(w).permute(3, 2, 0, 1)
    found = layer(same(torch.from_numpy(x).permute(0, 3, 1, 2), layer)).detach().permute(0, 2, 3, 1)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_scores_are_those_of_another_implementation():
    theirs = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name(
        "efficientnet-lite0", image_size=64, num_classes=10
    )
    ours = _network().eval()
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 32, 32)
    large = torch.nn.functional.interpolate(x, (64, 64), mode="bicubic", align_corners=False)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs.eval()((large * 256 - 127) / 128), atol=1e-5, rtol=1e-4)


def test_a_pointwise_product_is_the_convolution():
    layer, x = Pointwise(5, 7), torch.rand(2, 5, 3, 4).contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(layer(x), torch.nn.functional.conv2d(x, layer.weight))


def test_what_is_frozen_stays():
    network = _network(frozen=5)
    trained = network.freeze()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    optimizer = torch.optim.SGD(trained, lr=0.1)
    network.train()
    network(torch.rand(4, 3, 32, 32)).square().sum().backward()
    optimizer.step()
    frozen = ("_conv_stem.", "_bn0.", *(f"_blocks.{i}." for i in range(5)))
    for name, value in network.state_dict().items():
        if name.startswith(frozen):
            assert torch.equal(value, before[name]), name
    assert not torch.equal(network._conv_head.weight, before["_conv_head.weight"])


def test_batch_norms_begin_with_the_statistics_of_the_images():
    draws = np.random.default_rng(2)
    data = Dataset(draws.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8), np.zeros(20, np.int64), "made")
    network = _network(frozen=2)
    follow(network, data)
    x = torch.from_numpy(data.x).permute(0, 3, 1, 2).float() / 256
    large = torch.nn.functional.interpolate(x, (64, 64), mode="bicubic", align_corners=False)
    with torch.no_grad():
        maps = network._conv_stem(same((large * 256 - 127) / 128, network._conv_stem))
    torch.testing.assert_close(network._bn0.running_mean, maps.mean((0, 2, 3)), atol=0.02, rtol=0.02)
    assert network._conv_head.training
    assert not network._blocks[1]._bn1.training


def test_weights_of_another_network_are_refused():
    with pytest.raises(SystemExit, match=r"wanted the .* tensors of EfficientNet-Lite0: not among them"):
        _network().begin({"conv1.weight": torch.zeros(3)})


def test_a_stored_teacher_computes_the_same(tmp_path):
    network = _network().eval()
    save_teacher(tmp_path / "teacher.safetensors", network, {"settings": {"seed": 1}})
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(load_teacher(tmp_path / "teacher.safetensors")(x), network(x))
        teacher = teacher_of(tmp_path / "teacher.safetensors", torch.device("cpu"), compiled=False)
        assert torch.equal(teacher(x), network(x))


def test_kinds_of_teacher_are_told_apart(tmp_path):
    arch = small_stem(V1_1, width=0.25, pools_after=(1,), input_size=12, fire_modules=2)
    from float_network import Network

    save(Model("m", arch, Network(arch, fused=False).folded(), None, {}), tmp_path / "model.safetensors")
    save_file({"x": np.zeros(1, np.float32)}, tmp_path / "other.safetensors")
    assert not is_teacher(tmp_path / "model.safetensors")
    assert not is_teacher(tmp_path / "other.safetensors")
    teacher = teacher_of(tmp_path / "model.safetensors", torch.device("cpu"), compiled=False)
    assert teacher(torch.rand(1, 3, 12, 12)).shape == (1, 10)
