"""A part of the matrix in the ordinary suite: whatever is called contained is cut, and comes back."""

import contextlib
from collections.abc import Iterator

import pytest

from tests.lab.engine import Engine

from .__main__ import RESULTS
from .cells import WAYS, Way
from .page import PAGE, faults, with_matrix
from .site import Outside
from .trial import read_cells, try_cell

BY_NAME = {way.name: way for way in WAYS}
SAMPLE = (
    ("user", "running", "isolate.disconnect"),
    ("user", "paused", "isolate.disconnect"),
    ("two", "running", "isolate.disconnect"),
    ("published", "running", "isolate.disconnect"),
    ("macvlan", "running", "isolate.disconnect"),
    ("bridge", "exited", "isolate.disconnect"),
    ("bridge", "rm", "contain.pause"),
    ("user", "running", "isolate.quarantine, reach host"),
    ("published", "running", "isolate.quarantine, reach nothing"),
    ("user", "running", "isolate.firewall"),
    ("published", "paused", "isolate.firewall"),
    ("user", "running", "contain.limit"),
)
DOCUMENTED = ("/HostConfig/CpuQuota: 0 became -1", "/HostConfig/PidsLimit: None became 0")
"""What stays of limits that an engine cannot take away without a trace (docs/undo.md)."""


@pytest.fixture(scope="module")
def outside(engine: Engine) -> Iterator[Outside]:
    """A host beyond the engine's."""
    with contextlib.ExitStack() as stack:
        yield Outside(engine, stack)


@pytest.mark.parametrize(("kind", "state", "name"), SAMPLE)
def test_what_is_called_contained_is_cut_and_comes_back(
    engine: Engine, outside: Outside, kind: str, state: str, name: str
) -> None:
    way: Way = BY_NAME[name]
    cell = try_cell(engine, outside, kind, state, way)
    assert (cell.outcome, cell.faults) == ("contained", []), cell.reason
    assert [one for one in cell.differs if not one.startswith(DOCUMENTED)] == []


@pytest.mark.parametrize(("kind", "reason"), [("host", "the host's own network"), ("shared", "shares the network")])
def test_what_cannot_be_cut_off_is_refused(engine: Engine, outside: Outside, kind: str, reason: str) -> None:
    cell = try_cell(engine, outside, kind, "running", BY_NAME["isolate.disconnect"])
    assert cell.outcome == "refused"
    assert reason in cell.reason
    assert not cell.faults


def test_no_cell_that_was_tried_has_a_fault() -> None:
    assert faults(read_cells(RESULTS).values()) == []


def test_the_page_tells_what_was_tried() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_matrix(page, read_cells(RESULTS)), "stale: python -m tests.containment --page"
