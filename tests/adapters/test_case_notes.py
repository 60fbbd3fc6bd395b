"""The notes of a case: one chain whoever writes, torn lines set aside, what was altered told and not overwritten."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.case_notes import add_note, cases_with_notes, notes_file, read_notes
from irkit.adapters.fixed_clock import FixedClock
from irkit.core.errors import VerificationError
from irkit.core.events import Note, RunFinished

CASE = "IR-2026-014"
texts = st.text(max_size=60) | st.sampled_from(["..", ".", "a/b", "A" * 300, "%no-case", "no-case", "x\0y", "ä" * 90])


def written(folder: Path, *said: str, case: str = CASE) -> Path:
    for text in said:
        add_note(folder, case, Note(text=text, by="ann@desk"), FixedClock())
    return notes_file(folder, case)


def read(folder: Path, case: str = CASE) -> list[str]:
    return [one.event.text for one in read_notes(folder, case) if isinstance(one.event, Note)]


def test_notes_are_read_as_they_were_written_and_the_case_is_known_by_its_name(tmp_path: Path) -> None:
    written(tmp_path, "saw a shell", "called the owner")
    assert read(tmp_path) == ["saw a shell", "called the owner"]
    assert cases_with_notes(tmp_path) == [CASE]


def test_where_there_are_no_notes_there_are_none(tmp_path: Path) -> None:
    assert read_notes(tmp_path, CASE) == [] and cases_with_notes(tmp_path) == []


def test_notes_of_no_case_are_not_those_of_a_case_called_so(tmp_path: Path) -> None:
    written(tmp_path, "of none", case="")
    written(tmp_path, "of one", case="no-case")
    written(tmp_path, "of another", case="%no-case")
    assert (read(tmp_path, ""), read(tmp_path, "no-case")) == (["of none"], ["of one"])
    assert cases_with_notes(tmp_path) == ["", "%no-case", "no-case"]


@given(texts, texts)
def test_the_file_of_any_case_lies_in_the_folder_and_is_no_other_cases(first: str, second: str) -> None:
    folder = Path("/evidence")
    one, other = notes_file(folder, first), notes_file(folder, second)
    assert one.parent == folder / "notes" and one.name not in ("..", ".") and len(one.name.encode()) <= 255
    assert not one.name.startswith(".") and "/" not in one.name and "\0" not in one.name
    assert (one == other) == (first == second)


def test_a_note_torn_at_any_byte_costs_itself_and_no_other(tmp_path: Path) -> None:
    path = written(tmp_path, "one", "two")
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        assert read(tmp_path) == ["one"]
        written(tmp_path, "three")
        assert read(tmp_path) == ["one", "three"]


@pytest.mark.parametrize("change", [(b"saw", b"SAW"), (b'"seq":1', b'"seq":7'), (b"ann", b"bob")])
def test_an_altered_note_is_told_and_the_file_is_left_as_it_is(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    path = written(tmp_path, "saw a shell", "two")
    path.write_bytes(path.read_bytes().replace(*change, 1))
    altered = path.read_bytes()
    with pytest.raises(VerificationError):
        read_notes(tmp_path, CASE)
    with pytest.raises(VerificationError):
        written(tmp_path, "three")
    assert path.read_bytes() == altered


def test_a_note_that_was_taken_out_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "one", "two", "three")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(VerificationError, match="line 2"):
        read_notes(tmp_path, CASE)


def test_a_record_that_is_no_note_is_told(tmp_path: Path) -> None:
    from irkit.adapters.run_log import RunLog

    path = notes_file(tmp_path, CASE)
    path.parent.mkdir()
    log = RunLog.create(path, FixedClock())
    log.append(RunFinished(outcome="done"))
    log.close()
    with pytest.raises(VerificationError, match="no note"):
        read_notes(tmp_path, CASE)


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    path = notes_file(tmp_path, CASE)
    path.parent.mkdir()
    other = tmp_path / "other"
    other.write_text("")
    path.symlink_to(other)
    with pytest.raises(Exception, match="notes"):
        written(tmp_path, "one")
    assert other.read_text() == ""


WRITER = """
import sys
from pathlib import Path
from irkit.adapters.case_notes import add_note
from irkit.adapters.clock import SystemClock
from irkit.core.events import Note
for number in range(20):
    add_note(Path(sys.argv[1]), "IR-2026-014", Note(text=f"{sys.argv[2]} {number}", by="ann@desk"), SystemClock())
"""


def test_two_irkits_that_write_at_once_make_one_chain_and_lose_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], stderr=subprocess.PIPE)
        for name in ("a", "b", "c")
    ]
    for one in writers:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said.decode()
    found = read(tmp_path)
    assert sorted(found) == sorted(f"{name} {number}" for name in "abc" for number in range(20))
    for name in "abc":
        assert [text for text in found if text.startswith(name)] == [f"{name} {number}" for number in range(20)]


def test_the_name_of_a_new_file_is_on_disk_before_its_first_note_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("irkit.adapters.case_notes.sync_folder", synced.append)
    add_note(tmp_path, "IR-1", Note(text="first"), FixedClock())
    assert synced == [notes_file(tmp_path, "IR-1").parent, tmp_path]
    add_note(tmp_path, "IR-1", Note(text="second"), FixedClock())
    assert len(synced) == 2
