"""Taking back a run over several hosts: by their names now, as the run reached them, and only on the same engines."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from irkit.adapters.memory import MemoryTarget
from irkit.adapters.memory_changes import full_id
from irkit.app import Setting, left_after, prepare, prepare_undo
from irkit.cli.execution import Result, Shown, carry_out
from irkit.core.errors import HostState, NoTargetError, Refusal, TargetError, UnreachableError, UsageError
from irkit.core.host import Host
from tests.app.hosts_in_memory import Dawdling, Failing, Place, one_each

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
    assert refused.host == "b@x" and refused.reason == "container on-b@x: host b@x: nobody answers"
    assert networks(place)["a@x"] == 1 and left_after(setting, bundle) == 1
    place.opened["b@x"] = was
    assert undo(setting, bundle).status == 0
    assert networks(place) == {"a@x": 1, "b@x": 1} and left_after(setting, bundle) == 0


def test_a_host_that_dawdles_holds_up_nobody_else_s_release(
    place: Place, setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.special = {"b@x": lambda host: MemoryTarget(list(Dawdling(host).containers.values()), host)}
    with prepare(setting, "isolate", ["all"], given={}, case="IR", responder="Ann", hosts=CHOSEN) as ready:
        bundle = str(carry_out(setting, ready, Shown(lines=False), parallel=2).bundle)
    place.opened["b@x"] = Dawdling(place.opened["b@x"].host)
    monkeypatch.setattr("irkit.app.fleet._MOST", 1.0)
    result = undo(setting, bundle)
    assert result.status == 1 and networks(place)["a@x"] == 1
    assert {one.host for one in result.run.refused} == {"b@x"}
    assert all("it took longer than" in one.reason for one in result.run.refused)


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
    reason = f"container on-b@x: another engine answers for host b@x: its ID is ANOTHER, the run was on {then}"
    assert refused.reason == reason
    assert left_after(setting, bundle) == 1


@pytest.fixture
def keyed(place: Place, setting: Setting) -> str:
    """The bundle of a run on two hosts that have shown their host keys."""
    place.containers = {}
    place.special = {
        name: partial(reached, name=name, address=f"10.0.0.{number}") for number, name in enumerate(CHOSEN, 5)
    }
    with prepare(setting, "isolate", ["all"], given={}, case="IR", responder="Ann", hosts=CHOSEN) as ready:
        return str(carry_out(setting, ready, Shown(lines=False), parallel=2).bundle)


def reached(host: Host, *, name: str, address: str, key: str = "") -> MemoryTarget:
    shown = msgspec.structs.replace(host, address=address, port=22, host_key=key or f"SHA256:of-{name}")
    return MemoryTarget(one_each(name)[name], shown, full_id(name))


def test_a_copy_of_the_machine_in_the_host_s_place_is_left_alone(place: Place, setting: Setting, keyed: str) -> None:
    place.opened["b@x"] = copied = reached(Host(name="b@x"), name="b@x", address="10.0.0.66", key="SHA256:new")
    copied.containers = {one.id: one for one in one_each("c")["c"]}
    result = undo(setting, keyed)
    (refused,) = result.run.refused
    assert result.status == 1 and networks(place) == {"a@x": 1, "b@x": 1}
    assert refused.reason == (
        "container on-b@x: host b@x was at 10.0.0.6:22 in the run, is at 10.0.0.66:22 now (another host key), and has "
        "none of the run's containers: another machine may answer, such as a copy. Have the name lead to the run's "
        "machine, and undo again"
    )
    assert left_after(setting, keyed) == 1


@pytest.mark.parametrize("key", ["SHA256:new", "SHA256:of-b@x"])
def test_a_machine_that_has_moved_is_taken_back_and_another_key_is_told(
    place: Place, setting: Setting, keyed: str, key: str
) -> None:
    was = place.opened["b@x"]
    place.opened["b@x"] = moved = reached(Host(name="b@x"), name="b@x", address="10.0.0.66", key=key)
    moved.containers = was.containers
    with prepare_undo(setting, keyed, [], responder="Bob") as ready:
        told = [(one.host, one.summary) for one in ready.plan.findings]
    is_other = key == "SHA256:new"
    assert [host for host, _ in told] == (["b@x"] if is_other else [])
    assert all("SHA256:new" in text and "SHA256:of-b@x" in text and "10.0.0.6:22" in text for _, text in told)
    assert undo(setting, keyed).status == 0 and networks(place) == {"a@x": 1, "b@x": 1}


def test_a_container_that_is_gone_from_the_same_place_is_told_to_be_gone(
    place: Place, setting: Setting, keyed: str
) -> None:
    place.opened["b@x"].containers.clear()
    (refused,) = undo(setting, keyed).run.refused
    assert refused.reason == "container on-b@x is gone: nothing can be put back"


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


@pytest.mark.parametrize("left", ["nothing", "a context that cannot be used"])
def test_a_docker_context_that_is_gone_is_reached_as_the_run_reached_it(
    place: Place, setting: Setting, tmp_path: Path, left: str
) -> None:
    meta = tmp_path / "docker/contexts/meta" / hashlib.sha256(b"far").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text('{"Name": "far", "Endpoints": {"docker": {"Host": "ssh://ana@10.0.0.9:2222"}}}')
    place.containers = one_each("context:far")
    setting.environment = {"DOCKER_CONFIG": str(tmp_path / "docker")}
    with prepare(setting, "isolate", ["all"], given={}, case="IR", responder="Ann", hosts=["context:far"]) as ready:
        bundle = str(carry_out(setting, ready, Shown(lines=False), parallel=2).bundle)
    meta.write_text('{"Name": "far", "Endpoints": {"docker": {"Host": "npipe:////./pipe"}}}')
    if left == "nothing":
        meta.unlink()
        meta.parent.rmdir()
    host = hosts_asked(setting, bundle, place)["context:far"]
    assert (host.reach, host.address, host.user, host.port) == ("ssh", "10.0.0.9", "ana", 2222)
    setting.opener = place
    assert undo(setting, bundle).status == 0 and networks(place) == {"context:far": 1}


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
