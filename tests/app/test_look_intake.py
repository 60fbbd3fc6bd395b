"""What a look takes in: no more than a screen can show, and it is said where there was more."""

import pytest

from irkit.app.look_intake import MOST, LookIntake
from irkit.core.errors import TargetError

PIECE = bytes(1 << 20)


def test_what_is_not_wanted_passes_unseen() -> None:
    intake = LookIntake("wanted")
    intake.put("other", b"x" * 100, source="")
    intake.put("wanted", b"abc", source="")
    assert intake.content("wanted") == b"abc"
    assert intake.content("other") == b"" and intake.content("nothing") == b""
    assert intake.files["other"].data == b"" and intake.files["other"].finish().size == 100


def test_an_endless_item_that_makes_sense_as_a_whole_only_is_given_up_and_takes_no_more_memory_than_the_bound() -> None:
    out = LookIntake("inspect.json").open("inspect.json", source="")
    with pytest.raises(TargetError, match="collect it instead"):
        for _ in range(1 << 10):
            out.write(PIECE)
    assert len(out.data) <= MOST


def test_of_an_endless_list_the_beginning_is_kept_and_that_is_said() -> None:
    intake = LookIntake("changes.json", is_cut_short=True)
    out = intake.open("changes.json", source="")
    for _ in range(1 << 10):
        out.write(PIECE)
    out.finish()
    assert len(intake.content("changes.json")) == MOST
    (said,) = intake.warnings
    assert "NOT ALL IS SHOWN" in said and "1024" in said


def test_an_item_of_just_the_bound_is_whole_and_nothing_is_said() -> None:
    intake = LookIntake("x", is_cut_short=True)
    out = intake.open("x", source="")
    out.write(bytes(MOST))
    out.finish()
    assert out.is_whole and not intake.warnings


def test_why_an_item_is_not_whole_and_what_is_to_be_known_of_it_are_said() -> None:
    intake = LookIntake("x")
    out = intake.open("x", source="")
    out.warn("one process had ended")
    assert out.finish("the host went away").partial == "the host went away"
    assert intake.warnings == ["one process had ended", "the host went away"]


def test_a_dropped_item_is_forgotten() -> None:
    intake = LookIntake("x")
    evidence = intake.put("x", b"abc", source="")
    assert intake.name(evidence, "y") is evidence
    intake.drop(evidence)
    assert intake.content("x") == b""
