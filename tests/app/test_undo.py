"""Taking back a run over several hosts: by their names now, as the run reached them, and only on the same engines."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from irkit.adapters.memory import MemoryTarget
from irkit.app import Setting, left_after, prepare, prepare_undo
from irkit.cli.execution import Result, Shown, carry_out
from irkit.core.errors import HostState, NoTargetError, Refusal, TargetError, UnreachableError, UsageError
from irkit.core.host import Host
from tests.app.hosts_in_memory import Failing, Place, one_each

CHOSEN = ("a@x", "b@x")
DOWN = UnreachableError("nobody answers", HostState.DOWN)


@pytest.fixture
def place() -> Place:
    """Two hosts, which stay what they are over several verbs."""
    return Place(one_each(*CHOSEN))


@pytest.fixture
def setting(place: Place, tmp_path: Path) -> Setting:
    return place.setting(tmp_path)


@pytest.fixture
def bundle(setting: Setting) -> str:
    """The bundle of a run that cut off a container on each of them."""
    ready = prepare(setting, "isolate", ["all"], given={}, case="IR", responder="Ann", hosts=CHOSEN)
    with ready:
        result = carry_out(setting, ready, Shown(lines=False), parallel=2)
    assert result.status == 0
    return str(result.bundle)


def undo(setting: Setting, bundle: str, *containers: str) -> Result:
    with prepare_undo(setting, bundle, containers, responder="Bob") as ready:
        return carry_out(setting, ready, Shown(lines=False), parallel=2)


def networks(place: Place) -> dict[str, int]:
    return {
        name: sum(len(one.attachments) for one in target.containers.values()) for name, target in place.opened.items()
    }


def dead(place: Place, name: str, error: TargetError = DOWN) -> MemoryTarget:
    """Have a host fail from now on; what it was, to be put back."""
    was = place.opened[name]
    place.opened[name] = Failing(was.host, error)
    return was


def test_what_was_changed_on_all_hosts_is_taken_back(place: Place, setting: Setting, bundle: str) -> None:
    assert networks(place) == {"a@x": 0, "b@x": 0} and left_after(setting, bundle) == 2
    result = undo(setting, bundle)
    assert result.status == 0 and networks(place) == {"a@x": 1, "b@x": 1}
    assert left_after(setting, bundle) == 0
    assert result.run.started is not None and set(result.run.started.engines) == set(CHOSEN)


def test_a_host_that_cannot_be_reached_is_refused_and_can_be_taken_back_later(
    place: Place, setting: Setting, bundle: str
) -> None:
    was = dead(place, "b@x")
    result = undo(setting, bundle)
    assert result.status == 1
    (refused,) = result.run.refused
    assert refused.host == "b@x" and refused.reason == "host b@x: nobody answers"
    assert networks(place)["a@x"] == 1 and left_after(setting, bundle) == 1
    place.opened["b@x"] = was
    assert undo(setting, bundle).status == 0
    assert networks(place) == {"a@x": 1, "b@x": 1} and left_after(setting, bundle) == 0


def test_where_no_host_is_reached_nothing_is_run(place: Place, setting: Setting, bundle: str) -> None:
    for name in CHOSEN:
        dead(place, name)
    with pytest.raises(NoTargetError, match="none of the 2 hosts"):
        prepare_undo(setting, bundle, [], responder="Bob")
    assert left_after(setting, bundle) == 2


def test_only_the_hosts_of_what_is_wanted_are_asked(place: Place, setting: Setting, bundle: str) -> None:
    dead(place, "b@x")
    assert undo(setting, bundle, "a@x/on-a@x").status == 0
    assert left_after(setting, bundle) == 1
    assert undo(setting, bundle, "a@x/on-a@x").run.started is not None, "there is nothing left, and nothing is asked"


def test_containers_are_named_with_or_without_their_host(setting: Setting, bundle: str) -> None:
    for text in ("on-a@x", "a@x/on-a@x"):
        with prepare_undo(setting, bundle, [text], responder="Bob") as ready:
            assert [task.host for task in ready.plan.tasks] == ["a@x"]
    for text in ("a@x/on-b@x", "b@x/", "x"):
        with pytest.raises(UsageError, match=r"a@x/on-a@x, b@x/on-b@x"):
            prepare_undo(setting, bundle, [text], responder="Bob")


def test_another_engine_under_the_host_s_name_is_left_alone(place: Place, setting: Setting, bundle: str) -> None:
    then = place.opened["b@x"].engine_id
    place.opened["b@x"].engine_id = "ANOTHER"
    result = undo(setting, bundle)
    (refused,) = result.run.refused
    assert result.status == 1 and networks(place) == {"a@x": 1, "b@x": 0}
    assert refused.reason == f"another engine answers for host b@x: its ID is ANOTHER, the run was on {then}"
    assert left_after(setting, bundle) == 1


@pytest.mark.parametrize("engine", ["", "hangs"])
def test_an_engine_that_does_not_tell_who_it_is_is_believed_to_be_the_same(
    place: Place, setting: Setting, bundle: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def identify(self: MemoryTarget, deadline: Any) -> str:
        if engine:
            raise TargetError("hangs", Refusal.TIMEOUT)
        return ""

    monkeypatch.setattr(MemoryTarget, "identify", identify)
    assert undo(setting, bundle).status == 0 and networks(place) == {"a@x": 1, "b@x": 1}


# How the hosts are found ------------------------------------------------------------------------------------------


def rewrite(bundle: str, change: dict[str, Any]) -> None:
    """Change the first host of the plan that lies in a bundle."""
    path = Path(bundle) / "metadata" / "plan.json"
    plan = msgspec.json.decode(path.read_bytes())
    plan["hosts"][0].update(change)
    path.chmod(0o600)
    path.write_bytes(msgspec.json.encode(plan))


def hosts_asked(setting: Setting, bundle: str, place: Place) -> dict[str, Host]:
    """The hosts that an undo opens."""
    asked: dict[str, Host] = {}

    def open_it(host: Host) -> Any:
        asked[host.name] = host
        return place(host)

    setting.opener = open_it
    prepare_undo(setting, bundle, [], responder="Bob").fleet.close()
    return asked


@pytest.fixture
def found_once(place: Place, setting: Setting) -> str:
    """The bundle of a run on a host of an inventory that is gone by now."""
    inventory = setting.folder.parent / f"{setting.folder.name}.yml"
    inventory.write_text("hosts:\n  - {name: a, address: 10.0.0.9, user: ana, port: 2222, socket: /run/x.sock}\n")
    place.containers = one_each("a")
    here = Setting(environment={}, evidence=setting.folder, inventory=inventory, opener=place)
    with prepare(here, "isolate", ["all"], given={}, case="IR", responder="Ann", hosts=["a"]) as ready:
        result = carry_out(here, ready, Shown(lines=False), parallel=2)
    inventory.unlink()
    return str(result.bundle)


def test_a_host_that_no_inventory_knows_is_reached_as_the_run_reached_it(
    place: Place, setting: Setting, found_once: str
) -> None:
    host = hosts_asked(setting, found_once, place)["a"]
    assert (host.address, host.user, host.port, host.socket) == ("10.0.0.9", "ana", 2222, "/run/x.sock")
    assert (host.host_key, host.route, host.engine_id) == ("", "", ""), "these are told anew"


def test_what_the_inventory_says_by_now_comes_first(place: Place, setting: Setting, found_once: str) -> None:
    setting.inventory = setting.folder.parent / "new.yml"
    setting.inventory.write_text("hosts:\n  - {name: a, address: 10.0.0.77}\n")
    assert hosts_asked(setting, found_once, place)["a"].address == "10.0.0.77"


def test_a_plan_that_is_not_the_one_of_the_log_is_not_believed(place: Place, setting: Setting, found_once: str) -> None:
    rewrite(found_once, {"address": "6.6.6.6"})
    assert hosts_asked(setting, found_once, place)["a"].address == "a", "what ssh makes of the name"


def test_a_plan_written_by_a_later_version_is_believed_by_its_digest(
    place: Place, setting: Setting, found_once: str
) -> None:
    rewrite(found_once, {})  # another form of the same JSON
    assert hosts_asked(setting, found_once, place)["a"].address == "10.0.0.9"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"run": 1}'])
def test_a_broken_plan_stops_no_undo(place: Place, setting: Setting, found_once: str, content: bytes) -> None:
    path = Path(found_once) / "metadata" / "plan.json"
    path.chmod(0o600)
    path.write_bytes(content)
    assert hosts_asked(setting, found_once, place)["a"].address == "a"
    path.unlink()
    assert hosts_asked(setting, found_once, place)["a"].address == "a"
