"""The journal: kills, damage, and two searches at once."""

import pytest
from explore_stubs import HerePool, settings

from sqz_hw.errors import BadInputError
from sqz_hw.explore.storage import JOURNAL, opened
from sqz_hw.explore.study import Limits, records, search


def run(folder, trials, resume=True):
    with opened(folder, settings(), resume=resume) as study:
        search(study, settings(), HerePool(), Limits(trials), lambda record: None)
        return records(study)


@pytest.mark.parametrize("cut", [1, 40, 300])
def test_a_line_that_a_kill_left_unfinished_is_cut_off(tmp_path, cut):
    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "cut", 4)
    path = tmp_path / "cut" / JOURNAL
    path.write_bytes(path.read_bytes()[:-cut])
    assert run(tmp_path / "cut", 6) == whole


def test_a_lock_that_a_kill_left_holds_nothing_up(tmp_path):
    run(tmp_path, 2)
    (tmp_path / f"{JOURNAL}.lock").symlink_to(tmp_path / JOURNAL)
    assert len([r for r in run(tmp_path, 3) if r.outcome.state == "complete"]) == 3


@pytest.mark.parametrize(
    "data", [b"no json\n", b'{"op_code": 99}\n', b"[]\n", b"\xff\xfe\n", b'{"op_code":4}\n']
)
def test_a_damaged_journal(tmp_path, data):
    run(tmp_path, 2)
    path = tmp_path / JOURNAL
    path.write_bytes(data + path.read_bytes())
    with pytest.raises(
        BadInputError, match=r"study\.journal must be the journal of a search, and is damaged"
    ):
        run(tmp_path, 3)


def test_a_folder_is_used_by_one_search(tmp_path):
    with (
        opened(tmp_path, settings(), resume=False),
        pytest.raises(
            BadInputError, match=r"is in use by another search; wait for it, or choose another --output"
        ),
        opened(tmp_path, settings(), resume=True),
    ):
        pass


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(BadInputError, match=r"file/run cannot be written \(.+\); choose another --output"),
        opened(tmp_path / "file" / "run", settings(), resume=False),
    ):
        pass
