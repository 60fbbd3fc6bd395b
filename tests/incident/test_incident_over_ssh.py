"""The same incident on a host that is reached by SSH: what is found there, and what SFTP cannot tell."""

from collections.abc import Iterator

import pytest

from tests.acceptance.command import Irkit
from tests.lab.client_side import ClientSide
from tests.lab.engine import Engine
from tests.lab.host_start import start_host
from tests.lab.suspects import Lab

from .contents import Contents
from .items import Item
from .recall import ITEMS, acquire, read_results
from .seeds import SMALL, Incident, make_incident
from .test_incident import Seen

pytestmark = pytest.mark.engine
UNTOLD = {"a file with an extended attribute"}
"""SFTP has no extended attributes, and Docker's archives none but capabilities: the bundle says so."""


@pytest.fixture(scope="module")
def far(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Incident, Contents, Seen, Seen]]:
    """Collected once, as root over SSH."""
    folder = tmp_path_factory.mktemp("far")
    client = ClientSide(folder / "home")
    with Lab(engine) as lab, start_host(name="web", engine=engine) as host:
        client.add(host, "web")
        incident = make_incident(lab, SMALL)
        before = Seen.of(incident)
        contents, summary = acquire(incident, Irkit("", folder / "evidence", client), "--host", "web")
        after = Seen.of(incident)
        assert summary["failures"] == []
        yield incident, contents, before, after


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
def test_what_was_seeded_is_found_from_afar(far: tuple[Incident, Contents, Seen, Seen], item: Item) -> None:
    incident, contents, _, _ = far
    (kept,) = [row["ssh"]["found"] for row in read_results()["rows"] if row["item"] == item.name]
    assert item.irkit(incident, contents).level == kept, "stale: python -m tests.incident"


def test_what_sftp_does_not_tell_is_said_and_little() -> None:
    missed = {row["item"] for row in read_results()["rows"] if row["ssh"]["found"] != "found"}
    assert missed == UNTOLD


def test_nothing_was_executed_and_mounts_and_processes_are_as_they_were(
    far: tuple[Incident, Contents, Seen, Seen],
) -> None:
    _, _, before, after = far
    assert (after.marks, after.mounts, after.processes) == ([], before.mounts, before.processes)
