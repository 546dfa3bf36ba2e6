"""The README says what is so: its examples run, its files and options exist, its figures are the model's."""

import doctest
import importlib
import re
from pathlib import Path

from sqz_hw import zoo
from sqz_hw.cli.main import VERBS
from sqz_hw.model import modelfile

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_examples_run():
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert result.attempted >= 4
    assert result.failed == 0


def test_files_that_it_links_exist():
    links = [x for x in re.findall(r"\]\(([^)]+)\)", README) if "://" not in x]
    assert len(links) >= 2
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).is_file(), link
        if anchor:
            titles = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles], link


def test_scripts_and_options_in_its_commands_exist():
    verbs = {
        "build_hls": "build", "train": "train", "evaluate": "evaluate", "verify_csim": "verify",
        "validate_estimator": "validate", "import_weights": "import", "compress": "compress", "quantize": "quantize", "explore": "explore",
    }  # fmt: skip
    commands = re.findall(r"^python scripts/(\w+)\.py([^\n#]*)", README, re.MULTILINE)
    assert {name for name, _ in commands} == set(verbs)
    for name, rest in commands:
        assert (ROOT / "scripts" / f"{name}.py").is_file()
        command = importlib.import_module(VERBS[verbs[name]]).command
        known = {option for p in command.params for option in p.opts}
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in known, f"{name} {option}"


def test_figures_are_the_shipped_models():
    for name in zoo.names():
        model = modelfile.load(zoo.find(name))
        accuracy = model.record["accuracy"]
        assert f"{model.architecture.parameters:,} parameters" in README
        assert (
            f"| {accuracy['float']:.2f} % | {accuracy['pruned']:.2f} % | **{accuracy['quantised']:.2f} %** |"
            in README
        )


def test_every_dependency_is_explained():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    pinned = re.findall(
        r'^\s+"([a-z0-9-]+)[=><]', text.partition("dependencies = [")[2].partition("]")[0], re.MULTILINE
    )
    assert len(pinned) >= 12
    for name in pinned:
        assert name == "tomli" or re.search(rf"\b{name}\b", README), name
