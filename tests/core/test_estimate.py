"""How much evidence is to come: nothing is told that is not known."""

from irkit.cli.table import estimate_text
from irkit.core.estimate import SMALL, UNKNOWN, Estimate, at_most, in_all, of_image
from irkit.core.operations import (
    CapturePackets,
    Commit,
    CopyOut,
    DumpMemory,
    Export,
    Inspect,
    Operation,
    Pause,
    ReadChanges,
    ReadImage,
    ReadLogs,
    ReadVolume,
    SaveImage,
)
from tests.engine.world import container

WEB = container()
IMAGE = 1_200_000_000


def told(operation: Operation, image: int = IMAGE) -> str:
    return estimate_text(operation.estimate(WEB, image))


def test_what_an_image_brings_is_known_by_its_size() -> None:
    assert told(ReadImage(WEB.image_digest)) == "~1.2 GB"
    assert told(Export(WEB.id)) == told(SaveImage(WEB.id, "irkit/x")) == "~1.2 GB+"
    assert told(ReadImage(WEB.image_digest), 0) == told(Export(WEB.id), 0) == "not known"


def test_what_has_a_limit_is_known_to_be_no_more() -> None:
    assert told(ReadChanges(WEB.id, 64_000_000)) == told(CopyOut(WEB.id, "/etc", 64_000_000)) == "<=64.0 MB"
    assert told(DumpMemory(WEB.id, 2_000_000_000, 1_000_000_000)) == "<=2.0 GB"
    assert told(CapturePackets(WEB.id, 60, 5_000_000)) == "60 s, <=5.0 MB"
    assert told(ReadVolume(WEB.id, "volume", "data", "/x", "/data", 1000)) == "<=1.0 kB"


def test_what_is_small_has_none_and_what_nobody_knows_is_not_guessed() -> None:
    assert told(Inspect(WEB.id)) == told(Pause(WEB.id)) == told(Commit(WEB.id, "irkit/x")) == ""
    assert told(ReadVolume(WEB.id, "volume", "data", "/x", "/data", 1000, contents=False)) == ""
    assert told(ReadLogs(WEB.id)) == "not known"


def test_several_are_added_up_and_last_as_long_as_the_longest() -> None:
    assert in_all([]) == SMALL
    both = in_all([of_image(5, and_more=False), at_most(7), Estimate(most=1, seconds=3), Estimate(seconds=2)])
    assert both == Estimate(about=5, most=8, seconds=3)
    assert estimate_text(both) == "3 s, ~5 B+"
    assert in_all([both, UNKNOWN]).is_open and estimate_text(in_all([at_most(7), UNKNOWN])) == "not known"
