import hashlib
import json
import platform
from importlib.metadata import version

import numpy as np
import pytest

from sqz_hw import __version__
from sqz_hw.build_record import RECORD, VERSIONED, write_record
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import save
from sqz_hw.settings import BuildSettings


@pytest.fixture
def write(tiny_model, tmp_path):
    """Writes a record; gives its text."""
    path = tmp_path / "tiny.safetensors"
    save(tiny_model, path)
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)

    def call(seconds=None, output=None, x=images, **options):
        settings = BuildSettings(part="xc7z020", model=str(path), output=output, **options)
        data = Dataset(x, None, "photographs")
        write_record(
            tmp_path, settings, tiny_model, path, data, {"verify": 1.5} if seconds is None else seconds
        )
        return (tmp_path / RECORD).read_text()

    call.model, call.images = path, images
    return call


def test_inputs_are_known_by_their_hashes(write):
    record = json.loads(write())
    assert record["schema"] == 1
    assert record["inputs"] == {
        "model": {"name": "tiny", "sha256": hashlib.sha256(write.model.read_bytes()).hexdigest()},
        "images": {
            "source": "photographs",
            "count": 2,
            "sha256": hashlib.sha256(bytes(range(96))).hexdigest(),
        },
    }


def test_versions_are_those_installed(write):
    versions = json.loads(write())["versions"]
    assert versions == {
        "sqz_hw": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("hls4ml", "qkeras", "tensorflow", "numpy")},
    }
    assert set(VERSIONED) < set(versions)


def test_options_are_all_but_the_output(write, tmp_path):
    options = json.loads(write(output=tmp_path / "elsewhere", clock_mhz=125.0, strict=True))["options"]
    assert set(options) == set(BuildSettings.model_fields) - {"output"}
    assert (options["clock_mhz"], options["strict"], options["part"]) == (125.0, True, "xc7z020")
    del options["model"]
    assert BuildSettings(model="m", **options).strict


def test_seconds_of_each_step(write):
    assert json.loads(write({"convert": 2.25, "verify": 0.5}))["seconds"] == {"convert": 2.25, "verify": 0.5}


def test_the_same_twice_and_wherever_it_goes(write, tmp_path):
    first = write(output=tmp_path / "a")
    assert write(output=tmp_path / "b") == first
    assert first.endswith("}\n")
    assert list(json.loads(first)) == sorted(json.loads(first))


def test_other_images_are_another_record(write):
    other = write.images.copy()
    other[1, 3, 3, 2] += 1
    before, after = json.loads(write()), json.loads(write(x=other))
    assert before["inputs"]["images"]["sha256"] != after["inputs"]["images"]["sha256"]
    assert before["inputs"]["model"] == after["inputs"]["model"]
