"""The model file: round trips, and that no damage gives anything but a ModelFileError."""

import json
import os
import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, TINY_ODD, random_float_model, random_model
from safetensors.numpy import load_file, save_file
from safetensors.numpy import save as save_bytes

from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.modelfile import FORMAT, METADATA_KEY, Model, load, save


@pytest.fixture(scope="module")
def quantised():
    return random_model(TINY_ODD, seed=3, density=0.5)


@pytest.fixture(scope="module")
def float_model():
    return random_float_model(TINY, seed=4)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def same(a: Model, b: Model) -> bool:
    plain = [(m.name, m.architecture, m.quantisation, dict(m.record)) for m in (a, b)]
    return (
        plain[0] == plain[1]
        and a.weights.keys() == b.weights.keys()
        and all(np.array_equal(a.weights[k], b.weights[k]) for k in a.weights)
        and {w.dtype for w in b.weights.values()} == {np.dtype(np.float32)}
    )


def test_round_trip_of_a_quantised_model(quantised, tmp_path):
    save(quantised, tmp_path / "new" / "m.safetensors")
    again = load(tmp_path / "new" / "m.safetensors")
    assert same(quantised, again)
    assert again.kind == "quantised"
    assert names(tmp_path / "new") == ["m.safetensors"]


def test_round_trip_of_a_float_model(float_model, tmp_path):
    save(
        replace(float_model, record={"accuracy": {"float": 12.5}, "é": [1, None]}), tmp_path / "m.safetensors"
    )
    again = load(tmp_path / "m.safetensors")
    assert same(replace(float_model, record={"accuracy": {"float": 12.5}, "é": [1, None]}), again)
    assert again.kind == "float"


def test_the_same_model_gives_the_same_bytes(quantised, tmp_path):
    save(quantised, tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_quantised_file_holds_the_codes_and_says_how_to_read_them(quantised, tmp_path):
    """Read without this package: code times 2 to the minus fraction is the weight."""
    save(quantised, tmp_path / "m.safetensors")
    tensors = load_file(tmp_path / "m.safetensors")
    header = (tmp_path / "m.safetensors").read_bytes()
    meta = json.loads(
        json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]["sqz_hw"]
    )
    assert meta["format"] == "sqz_hw-model/1"
    assert meta["preprocessing"] == {"channels": "RGB", "scale": "x/256"}
    for key, codes in tensors.items():
        layer, _, what = key.rpartition("/")
        to = meta["quantisation"]["weights" if what == "kernel" else "biases"][layer]
        assert codes.dtype in (np.int8, np.int16)
        values = codes * 2.0 ** (to["integer"] - to["width"])
        np.testing.assert_array_equal(values, quantised.weights[key])
        np.testing.assert_array_equal(codes, quantised.codes(key))


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(127, "i1"), (-127, "i1"), (128, "i2"), (-32767, "i2"), (32768, "i4"), (-(2**23), "i4")],
)
def test_codes_take_the_narrowest_integers(quantised, tmp_path, code, dtype):
    to = FixedPoint(24, 4, True)
    types = replace(quantised.quantisation, biases={**quantised.quantisation.biases, "conv1": to})
    bias = np.full_like(quantised.weights["conv1/bias"], code * to.lsb)
    model = replace(quantised, quantisation=types, weights={**quantised.weights, "conv1/bias": bias})
    save(model, tmp_path / "m.safetensors")
    assert load_file(tmp_path / "m.safetensors")["conv1/bias"].dtype == np.dtype(dtype)
    assert same(model, load(tmp_path / "m.safetensors"))


def test_tensors_come_in_the_same_order_each_time(quantised, tmp_path):
    save(quantised, tmp_path / "m")
    assert {tuple(load(tmp_path / "m").weights) for _ in range(5)} == {tuple(sorted(quantised.weights))}


def test_density_counts_the_zeros(quantised):
    fire = [w for k, w in quantised.weights.items() if k.startswith("fire") and k.endswith("kernel")]
    kernels = [w for k, w in quantised.weights.items() if k.endswith("kernel")]
    for chosen, fire_only in ((fire, True), (kernels, False)):
        nonzero = sum(int((w != 0).sum()) for w in chosen)
        assert quantised.density(fire_only) == nonzero / sum(w.size for w in chosen)
    assert quantised.density() < 0.6 < quantised.density(fire_only=False)


def test_a_float_model_has_no_codes(float_model):
    with pytest.raises(ModelFileError, match=r"^model tiny is float and has no codes; quantise it first$"):
        float_model.codes("conv1/kernel")


def test_weights_off_their_grid_are_not_saved(quantised, tmp_path):
    kernel = quantised.weights["conv1/kernel"].copy()
    kernel[0, 0, 0, 0] += quantised.quantisation.weights["conv1"].lsb / 2
    with pytest.raises(BadInputError, match=r"^1 of 162 values are not on the grid of ap_fixed<6,"):
        save(replace(quantised, weights={**quantised.weights, "conv1/kernel": kernel}), tmp_path / "m")
    assert names(tmp_path) == []


# models that do not hold together


def without(mapping, key):
    return {k: v for k, v in mapping.items() if k != key}


def test_weights_must_be_those_of_the_architecture(float_model):
    weights = dict(float_model.weights)
    for broken, text in (
        (without(weights, "conv1/bias"), "model tiny: conv1/bias is missing; the architecture asks for it"),
        (
            {**weights, "conv4/bias": weights["conv1/bias"]},
            "model tiny: conv4/bias must have shape (4,), not (8,)",
        ),
        (
            {**weights, "conv1/kernel": weights["conv1/kernel"].transpose(3, 2, 0, 1)},
            "model tiny: conv1/kernel must have shape (3, 3, 3, 8), not (8, 3, 3, 3)",
        ),
        (
            {**weights, "fc/kernel": weights["conv1/bias"]},
            "model tiny: 1 tensors belong to no layer of the architecture",
        ),
    ):
        with pytest.raises(ModelFileError, match="^" + re.escape(text) + "$"):
            replace(float_model, weights=broken)


def test_types_must_be_those_of_the_architecture(quantised):
    types = quantised.quantisation
    first = types.activations["relu_conv1"]
    signed = replace(first, signed=True)
    for broken, text in (
        (
            replace(types, weights=without(types.weights, "conv1")),
            "the weights types must name each layer once; see conv1",
        ),
        (
            replace(types, biases={**types.biases, "conv99": first}),
            "the biases types must name each layer once; see conv99",
        ),
        (
            replace(types, activations={**types.activations, "relu_conv1": signed}),
            f"the activations type of relu_conv1 must be unsigned, 2 to 32 bits of which -32 to 32 are integer, not {signed}",
        ),
        (
            replace(types, weights={**types.weights, "conv1": FixedPoint(6, 1, False)}),
            "the weights type of conv1 must be signed, 2 to 32 bits of which -32 to 32 are integer, not ap_ufixed<6,1>",
        ),
        (
            replace(types, weights={**types.weights, "conv1": FixedPoint(33, 1, True)}),
            "the weights type of conv1 must be signed, 2 to 32 bits of which -32 to 32 are integer, not ap_fixed<33,1>",
        ),
        (
            replace(types, input=FixedPoint(8, 1, False)),
            "the input type must be ap_ufixed<8,0> (pixel / 256), not ap_ufixed<8,1>",
        ),
    ):
        with pytest.raises(ModelFileError, match="^" + re.escape(f"model tiny-odd: {text}") + "$"):
            replace(quantised, quantisation=broken)


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "a\nb", "a\x1b[31m", "\ud800", "é" * 51, None])
def test_names_that_no_folder_can_have(float_model, name):
    with pytest.raises(
        ModelFileError, match=r"^a model's name must be 1 to 100 bytes of printable text without slashes"
    ):
        replace(float_model, name=name)


@pytest.mark.parametrize("name", ["net", "mein Netz (2)", "é" * 50, ".."])
def test_names_that_a_folder_can_have(float_model, name):
    assert replace(float_model, name=name).name == name


# places


@pytest.mark.parametrize("name", ["file/m.safetensors", "folder", "a" * 250])
def test_places_that_cannot_be_written(float_model, tmp_path, name):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInputError, match=r" cannot be written \([A-Z][\w ]+\); choose another place$"):
        save(float_model, tmp_path / name)
    assert names(tmp_path) == ["file", "folder"]


def test_saving_that_fails_leaves_the_last_good_file(float_model, tmp_path, monkeypatch):
    save(float_model, tmp_path / "m")

    def full(self, data):
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        BadInputError, match=r"m cannot be written \(No space left on device\); choose another place$"
    ):
        save(replace(float_model, name="other"), tmp_path / "m")
    assert load(tmp_path / "m").name == "tiny"
    assert names(tmp_path) == ["m"]


def refusal(path) -> str:
    with pytest.raises(ModelFileError) as caught:
        load(path)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file(tmp_path):
    missing = tmp_path / "m.safetensors"
    assert refusal(missing) == (
        f"a model must be a name from the zoo or a .safetensors file; there is no {missing}"
    )
    assert "there is no" in refusal(tmp_path)
    assert refusal(tmp_path / ("a" * 300)).endswith(" cannot be read (File name too long)")


def test_a_file_that_is_too_large(tmp_path):
    with (tmp_path / "big").open("wb") as file:
        file.truncate((1 << 30) + 1)
    assert refusal(tmp_path / "big") == "big must be below 1 GiB, not 1,073,741,825 bytes"


# other people's files


def test_foreign_safetensors_are_refused(tmp_path):
    for metadata in (
        None,
        {"format": "pt"},
        {METADATA_KEY: "[]"},
        {METADATA_KEY: '{"format": "sqz_hw-model/2"}'},
    ):
        save_file({"a": np.zeros(3, np.float32)}, tmp_path / "m.safetensors", metadata)
        assert refusal(tmp_path / "m.safetensors") == (
            "m.safetensors must carry sqz_hw metadata (sqz_hw-model/1), and has none; "
            "import it with scripts/import_weights.py"
        )


OTHER = (
    r"^f must be a \.safetensors model of sqz_hw, and is damaged or something else \(.*\); "
    "train or import it again$"
)


def test_pickles_are_refused_and_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    (tmp_path / "f").write_bytes(pickle.dumps(Evil()))
    assert re.match(OTHER, refusal(tmp_path / "f"))
    np.savez(tmp_path / "g.npz", a=np.array([Evil()], dtype=object))
    (tmp_path / "g.npz").rename(tmp_path / "f")
    assert re.match(OTHER, refusal(tmp_path / "f"))
    assert not (tmp_path / "pwned").exists()


def test_keras_files_are_refused(tmp_path):
    import tensorflow as tf

    network = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))])
    for suffix in ("h5", "keras"):
        network.save_weights(tmp_path / "w.weights.h5") if suffix == "h5" else network.save(
            tmp_path / "w.keras"
        )
        path = tmp_path / ("w.weights.h5" if suffix == "h5" else "w.keras")
        path.rename(tmp_path / "f")
        assert re.match(OTHER, refusal(tmp_path / "f"))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hello", b"\x00" * 8, b"\xff" * 100,
        b"\x02" + b"\x00" * 7 + b"{}", b"\x02" + b"\x00" * 7 + b"[]",
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
    ],
    ids=["empty", "text", "zeros", "ones", "object", "list", "deep"],
)  # fmt: skip
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "f").write_bytes(content)
    refusal(tmp_path / "f")


# damage


@pytest.fixture(scope="module")
def parts(quantised, float_model, tmp_path_factory):
    """Tensors and metadata of a good file of each kind."""
    made = {}
    for model in (quantised, float_model):
        path = tmp_path_factory.mktemp("good") / "m"
        save(model, path)
        data = path.read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        made[model.kind] = (load_file(path), json.loads(header["__metadata__"][METADATA_KEY]), data)
    return made


def write(path, tensors, meta):
    path.write_bytes(save_bytes(tensors, {METADATA_KEY: json.dumps(meta)}))
    return path


@pytest.mark.parametrize("kind", ["quantised", "float"])
def test_every_field_of_the_metadata_is_needed(parts, tmp_path, kind):
    tensors, meta, _ = parts[kind]
    taken = []
    for field in meta:
        try:
            load(write(tmp_path / "f", tensors, without(meta, field)))
            taken.append(field)
        except ModelFileError:
            pass
    assert taken == (["quantisation"] if kind == "float" else [])


def test_illegal_metadata(parts, tmp_path):
    tensors, meta, _ = parts["quantised"]
    arch, types = meta["architecture"], meta["quantisation"]
    for changes, text in (
        ({"kind": "pickle"}, "model tiny-odd: kind must be float or quantised, not 'pickle'"),
        (
            {"architecture": {**arch, "squeeze_ratio": 1.0}},
            "f describes no legal model: fire2: the squeeze width",
        ),
        ({"architecture": {**arch, "depth": 9}}, "f describes no legal model: architecture fields must be"),
        (
            {"architecture": {**arch, "classes": 6}},
            "model tiny-odd: conv4/kernel must have shape (1, 1, 10, 6), not (1, 1, 10, 5)",
        ),
        (
            {"preprocessing": {"channels": "BGR", "scale": "x/256"}},
            "model tiny-odd: the preprocessing must be",
        ),
        ({"name": "../../etc"}, "a model's name must be 1 to 100 bytes of printable text without slashes"),
        ({"name": 3}, "a model's name must be 1 to 100 bytes"),
        ({"architecture": None}, "f has damaged metadata (TypeError: "),
        ({"quantisation": None}, "f describes no legal model: quantisation must hold"),
        (
            {"quantisation": {**types, "input": {"width": 8, "integer": 8, "signed": False}}},
            "model tiny-odd: the input type must be ap_ufixed<8,0> (pixel / 256), not ap_ufixed<8,8>",
        ),
        ({"record": 3}, "f has damaged metadata (TypeError: "),
        ({"kind": "float"}, "model tiny-odd: conv1/bias must be float32, not int16"),
    ):
        assert refusal(write(tmp_path / "f", tensors, {**meta, **changes})).startswith(text)


def test_illegal_tensors(parts, tmp_path):
    tensors, meta, _ = parts["quantised"]
    kernel = tensors["conv1/kernel"]
    high = kernel.copy()
    high[0, 0, 0, 0] = 32
    for changes, text in (
        ({"conv1/kernel": high}, "conv1/kernel has codes outside its type ap_fixed<6,"),
        ({"conv1/kernel": -high.astype(np.int16) * 2}, "conv1/kernel has codes outside its type ap_fixed<6,"),
        (
            {"conv1/kernel": kernel.astype(np.float32)},
            "conv1/kernel must hold signed integer codes, not float32",
        ),
        (
            {"conv1/kernel": np.abs(kernel).astype(np.uint8)},
            "conv1/kernel must hold signed integer codes, not uint8",
        ),
        ({"fc/kernel": kernel}, "tensor fc/kernel belongs to no layer of the architecture"),
        ({"conv1/kernel": kernel[:2]}, "conv1/kernel must have shape (3, 3, 3, 6), not (2, 3, 3, 6)"),
    ):
        text = f"model tiny-odd: {text}"
        assert refusal(write(tmp_path / "f", {**tensors, **changes}, meta)).startswith(text)


def test_codes_that_float32_cannot_hold_are_refused(parts, tmp_path):
    tensors, meta, _ = parts["quantised"]
    types = json.loads(json.dumps(meta["quantisation"]))
    types["biases"]["conv1"] = {"width": 32, "integer": 8, "signed": True}
    bias = np.full(6, 2**24 + 1, np.int32)
    text = refusal(write(tmp_path / "f", {**tensors, "conv1/bias": bias}, {**meta, "quantisation": types}))
    assert text == "model tiny-odd: conv1/bias has codes of ap_fixed<32,8> that float32 cannot hold"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_float_weights_must_be_finite(parts, tmp_path, value):
    tensors, meta, _ = parts["float"]
    bias = tensors["conv1/bias"].copy()
    bias[3] = value
    text = refusal(write(tmp_path / "f", {**tensors, "conv1/bias": bias}, meta))
    assert text == "model tiny: conv1/bias must be finite, and has NaN or infinity"


@pytest.mark.parametrize("kind", ["quantised", "float"])
def test_truncated_files_are_refused(parts, tmp_path, kind):
    data = parts[kind][2]
    for length in {*range(0, len(data), 97), len(data) - 1, 7, 8, 9}:
        (tmp_path / "f").write_bytes(data[:length])
        assert re.match(OTHER, refusal(tmp_path / "f"))
    (tmp_path / "f").write_bytes(data + b"\x00")
    assert re.match(OTHER, refusal(tmp_path / "f"))


@pytest.mark.parametrize("kind", ["quantised", "float"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_flipped_bits_are_refused_or_give_a_model_that_holds_together(parts, tmp_path_factory, kind, data):
    good = parts[kind][2]
    header = 8 + int.from_bytes(good[:8], "little")
    where = st.one_of(st.integers(0, header * 8 - 1), st.integers(0, len(good) * 8 - 1))
    damaged = bytearray(good)
    for bit in data.draw(st.lists(where, min_size=1, max_size=4)):
        damaged[bit // 8] ^= 1 << bit % 8
    path = tmp_path_factory.getbasetemp() / f"flipped-{kind}"
    path.write_bytes(damaged)
    try:
        model = load(path)
    except ModelFileError:
        return
    for spec in model.architecture.convolutions:
        assert np.isfinite(model.weights[f"{spec.name}/kernel"]).all()
        if model.kind == "quantised":
            model.codes(f"{spec.name}/kernel")
            model.codes(f"{spec.name}/bias")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_metadata_is_refused_or_gives_a_model_that_holds_together(parts, tmp_path_factory, data):
    """Legal JSON with other values, so that the damage reaches the checks behind the parser."""
    tensors, meta, _ = parts["quantised"]
    meta = json.loads(json.dumps(meta))
    holder, key = None, None
    value = meta
    while isinstance(value, (dict, list)) and value:
        holder = value
        key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
        value = holder[key]
        if data.draw(st.integers(0, 3)) == 0:
            break
    holder[key] = data.draw(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-5, 70),
            st.floats(),
            st.text(max_size=5),
            st.just([]),
            st.just({}),
        )
    )
    path = tmp_path_factory.getbasetemp() / "changed"
    try:
        model = load(write(path, tensors, meta))
    except ModelFileError:
        return
    assert meta["format"] == FORMAT
    for spec in model.architecture.convolutions:
        codes = model.codes(f"{spec.name}/kernel")
        np.testing.assert_array_equal(codes, tensors[f"{spec.name}/kernel"])
