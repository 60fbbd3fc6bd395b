"""A machine and a copy of it, engine ID and all: a run works on both, and undo tells one from the other (real sshd)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import Irkit
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine, start_engine
from tests.lab.host_start import start_host
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine


def id_of(engine: Engine) -> str:
    return engine.docker("info", "--format", "{{.ID}}").stdout.decode().strip()


@pytest.fixture
def irkit(client: ClientSide, tmp_path: Path) -> Irkit:
    return Irkit("", tmp_path / "evidence", client)


@pytest.fixture
def copied_engine(engine: Engine) -> Iterator[Engine]:
    """An engine of its own that has the ID of the first, as on a machine made from a copy of its disk."""
    with start_engine() as made:
        for name in ("etc/key.json", "data/engine-id"):  # before Docker 24, and since
            if (engine.root / name).exists():
                (made.root / name).write_bytes((engine.root / name).read_bytes())
        made.restart()
        assert id_of(made) == id_of(engine)
        yield made


def test_a_machine_and_a_copy_of_it_are_two_hosts(
    engine: Engine, copied_engine: Engine, client: ClientSide, irkit: Irkit
) -> None:
    shop = Suspect(name="shop", networks=(Attach("front"),))
    with (
        start_host(name="one", engine=engine) as one,
        start_host(name="two", engine=copied_engine) as two,
        Lab(engine) as lab,
        Lab(copied_engine) as other_lab,
    ):
        for where in (lab, other_lab):
            where.network(Network("front"))
        made = [lab.make(shop), other_lab.make(shop)]
        for host in (one, two):
            client.add(host)
        both = ("-H", "one,two", "--approve", "change", "--json")
        summary = irkit("run", "isolate", "name:shop", *both, "--case", "C-1").json
        shown = irkit("plan", "triage", "name:shop", "-H", "one,two", "--json").json
        assert sorted(one["id"] for one in shown["targets"]) == sorted(made) and not shown["refusals"]
        assert any("taken for two machines" in one["summary"] for one in shown["findings"])
        assert [attached(engine, made[0]), attached(copied_engine, made[1])] == [set(), set()]

        client.add(two, name="one")  # the name leads to the copy by now
        ended = irkit("undo", summary["bundle"], "--approve", "change", "--json", status=1).json
        (refused,) = ended["refused"]
        assert refused["host"] == "one" and "container shop: host one was at" in refused["reason"]
        assert "another machine may answer" in refused["reason"]
        assert [attached(engine, made[0]), attached(copied_engine, made[1])] == [set(), {"front"}]

        client.add(one)
        irkit("undo", summary["bundle"], "--approve", "change")
        assert attached(engine, made[0]) == {"front"}


def attached(engine: Engine, container: str) -> set[str]:
    return set(engine.inspect(container)["NetworkSettings"]["Networks"])
