"""The output folder: whole or as it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sqz_hw.errors import BadInputError
from sqz_hw.workspace import MARKER, partial_folder, place


def build(target: Path, content: str) -> None:
    with partial_folder(target) as partial:
        (partial / MARKER).write_text(content)
        place(partial, target)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_first_build_and_its_successor(tmp_path):
    target = tmp_path / "deep" / "down" / "project"
    build(target, "1")
    assert (target / MARKER).read_text() == "1"
    build(target, "2")
    assert names(target) == [MARKER]
    assert (target / MARKER).read_text() == "2"
    assert names(target.parent) == ["project"]


def test_nothing_of_the_old_build_is_mixed_in(tmp_path):
    build(tmp_path / "p", "1")
    (tmp_path / "p" / "report").mkdir()
    build(tmp_path / "p", "2")
    assert names(tmp_path / "p") == [MARKER]


def test_what_somebody_put_into_a_build_is_not_lost(tmp_path):
    build(tmp_path / "p", "1")
    (tmp_path / "p" / "notes.txt").write_text("mine")
    with (
        pytest.raises(
            BadInputError,
            match=r"p holds something else than a build .*; choose another --output, or move notes\.txt",
        ),
        partial_folder(tmp_path / "p"),
    ):
        pass
    assert (tmp_path / "p" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_build_that_fails_leaves_the_last_good_one(tmp_path, error):
    build(tmp_path / "p", "1")

    def fails():
        with partial_folder(tmp_path / "p") as partial:
            (partial / "half").write_text("")
            assert partial.parent == tmp_path
            raise error

    with pytest.raises(error):
        fails()
    assert (tmp_path / "p" / MARKER).read_text() == "1"
    assert names(tmp_path) == ["p"]


def test_a_build_that_was_not_placed_leaves_nothing(tmp_path):
    with partial_folder(tmp_path / "p"):
        pass
    assert names(tmp_path) == []


def test_leftovers_of_dead_builds_are_cleared_and_those_of_living_ones_kept(tmp_path):
    dead = tmp_path / f".p.{dead_pid()}.partial"
    living = tmp_path / f".p.{os.getppid()}.partial"
    mine = tmp_path / f".p.{os.getpid()}.partial"  # a process number used again
    others = tmp_path / f".q.{dead_pid()}.partial"
    for folder in (dead, living, mine, others):
        folder.mkdir()
        (folder / "half").write_text("")
    build(tmp_path / "p", "1")
    assert names(tmp_path) == sorted([living.name, others.name, "p"])


def test_a_project_moved_aside_by_a_killed_build_comes_back(tmp_path):
    build(tmp_path / "p", "1")
    (tmp_path / "p").rename(tmp_path / ".p.previous")
    with partial_folder(tmp_path / "p"):
        assert (tmp_path / "p" / MARKER).read_text() == "1"
    assert names(tmp_path) == ["p"]


def test_an_old_project_left_beside_the_new_one_goes(tmp_path):
    build(tmp_path / "p", "2")
    (tmp_path / ".p.previous").mkdir()
    (tmp_path / ".p.previous" / MARKER).write_text("1")
    with partial_folder(tmp_path / "p"):
        pass
    assert names(tmp_path) == ["p"]
    assert (tmp_path / "p" / MARKER).read_text() == "2"


def test_when_the_new_one_cannot_be_moved_the_old_one_comes_back(tmp_path):
    build(tmp_path / "p", "1")
    with pytest.raises(
        BadInputError, match=r"p cannot be written \(No such file or directory\); choose another"
    ):
        place(tmp_path / "gone", tmp_path / "p")
    assert (tmp_path / "p" / MARKER).read_text() == "1"
    assert names(tmp_path) == ["p"]


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with (
        pytest.raises(
            BadInputError,
            match=r"home holds something else than a build .*; choose another --output, or move thesis\.tex",
        ),
        partial_folder(tmp_path / "home"),
    ):
        pass
    assert names(tmp_path / "home") == ["thesis.tex"]
    assert names(tmp_path) == ["home"]


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    build(tmp_path / "empty", "1")
    assert names(tmp_path / "empty") == [MARKER]


def test_a_file_or_a_link_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("file", "link"):
        with (
            pytest.raises(
                BadInputError, match=rf"^the output must be a folder, and .*{name} is none; choose another"
            ),
            partial_folder(tmp_path / name),
        ):
            pass


@pytest.mark.parametrize("name", ["file/inside", "a" * 300])
def test_places_that_cannot_be_written(tmp_path, name):
    (tmp_path / "file").write_text("")
    reasons = "File exists|Not a directory|File name too long"
    with (
        pytest.raises(BadInputError, match=rf"cannot be written \(({reasons})\); choose another --output"),
        partial_folder(tmp_path / name),
    ):
        pass


def test_the_current_folder(tmp_path, monkeypatch):
    """``--output .`` has no name of its own; an empty one is taken all the same."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    build(Path(), "1")
    assert names(here) == [MARKER]
    assert names(tmp_path) == ["here"]
