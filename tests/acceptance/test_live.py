"""The live list on real engines, here and over real sshd: what happens there is shown, and what fails too."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from irkit.app import Live, LivePace, LiveState, Setting
from irkit.core.errors import HostState, UnreachableError
from irkit.core.finding import Severity
from irkit.core.ports import Ask
from tests.acceptance.fake_engine import ID, FakeEngine, http
from tests.app.live_hosts import Watching
from tests.lab.client_side import ClientSide
from tests.lab.counting import Held, wait_released
from tests.lab.description import Suspect
from tests.lab.engine import Engine
from tests.lab.fixtures import ThreeHosts
from tests.lab.host_start import User, start_host
from tests.lab.images import base_image
from tests.lab.suspects import Lab

pytestmark = pytest.mark.engine

PACE = LivePace(stale_after=4.0, list_time=6.0, pauses=(0.2, 0.5, 1.0))
SLEEP = ("sleep", "1000")
PATIENCE = 60
COMMAND = "Starting session: command"
"""What sshd writes into its log for each."""


@contextmanager
def watching(setting: Setting, *hosts: str, pace: LivePace = PACE) -> Iterator[Watching]:
    """A live list that has begun, and holds nothing any more once it has ended."""
    before = Held()
    live = Live(setting, hosts, pace=pace)
    try:
        live.start()
        yield Watching(live)
    finally:
        live.close()
    assert not wait_released(before)


def local(engine: Engine) -> Setting:
    return Setting(environment={"DOCKER_HOST": engine.host})


def over_ssh(client: ClientSide, ask: Ask | None = None) -> Setting:
    return Setting(environment=client.environment(), ask=ask)


def test_what_happens_on_an_engine_is_shown_long_before_the_next_list(engine: Engine, lab: Lab) -> None:
    with watching(local(engine), pace=replace(PACE, list_every=600.0)) as found:
        found.until(lambda now: now.hosts["local"].state is LiveState.UP, PATIENCE)
        web = lab.make(Suspect(name="web", command=SLEEP))
        found.until(lambda now: now.is_whole("local", 1), PATIENCE)
        (key,) = found.rows
        assert key == f"local/{web}" and found.rows[key].flags == ".....U"
        engine.docker("rename", "web", "harmless")
        found.until(lambda now: (facts := now.rows[key].facts) and facts.name == "harmless", PATIENCE)
        engine.docker("stop", "--time", "0", "harmless")
        found.until(lambda now: now.rows[key].summary.state == "exited", PATIENCE)
        engine.docker("start", "harmless")
        found.until(lambda now: (facts := now.rows[key].facts) and facts.state == "running" and facts.pid, PATIENCE)
        engine.docker("rm", "--force", "harmless")
        found.until(lambda now: not now.rows, PATIENCE)
        lab.make(Suspect(name="ended", command=SLEEP, state="created"))
        found.until(lambda now: now.is_whole("local", 1), PATIENCE)


def test_what_no_event_tells_of_is_found_by_the_next_list(engine: Engine, lab: Lab) -> None:
    lab.make(Suspect(name="web", command=SLEEP))
    with watching(local(engine), pace=replace(PACE, list_every=0.5)) as found:
        found.until(lambda now: now.is_whole("local", 1), PATIENCE)
        engine.docker("pause", "web")
        found.until(lambda now: (facts := now.of("local")["web"].facts) and facts.state == "paused", PATIENCE)


def test_how_containers_are_exposed_is_read_from_a_real_engine_s_facts(engine: Engine, lab: Lab) -> None:
    image = base_image(engine)
    ways = ["--privileged", "--pid", "host", "--volume", "/:/host", "--volume", "/run/docker.sock:/run/docker.sock"]
    mine = ["--cap-add", "NET_ADMIN", "--volume", "/srv:/srv:rw", "--user", "1000:1000"]
    none = ["--user", "app", "--volume", "/etc:/e:ro"]
    lab.make(Suspect(name="plain", command=SLEEP))
    made = [
        engine.docker("create", "--name", name, *options, image, *SLEEP).stdout.decode().strip()
        for name, options in (("worst", ways), ("half", mine), ("hardened", none))
    ]
    try:
        with watching(local(engine)) as found:
            found.until(lambda now: now.is_whole("local", 4), PATIENCE)
            rows = found.of("local")
    finally:
        engine.docker("rm", "--force", *made)
    assert {name: (row.flags, row.risk) for name, row in rows.items()} == {
        "worst": ("PNDW.U", Severity.CRITICAL),
        "half": ("...WC.", Severity.MEDIUM),
        "plain": (".....U", Severity.LOW),
        "hardened": ("......", None),
    }
    checks = [one.check for one in rows["worst"].findings]
    assert checks[:2] == ["exposure.host_mounts", "exposure.several"], "the critical ones first"


def test_an_engine_that_hangs_is_stale_and_one_that_is_started_anew_is_taken_up(engine: Engine, lab: Lab) -> None:
    lab.make(Suspect(name="web", command=SLEEP))
    with watching(local(engine)) as found:
        found.until(lambda now: now.is_whole("local", 1) and now.hosts["local"].engine, PATIENCE)
        assert found.hosts["local"].engine.startswith("Docker ") and found.hosts["local"].free_bytes
        engine.freeze()
        try:
            found.until(lambda now: now.state("local") is LiveState.STALE, PATIENCE)
            assert found.is_whole("local", 1), "its rows stay"
        finally:
            engine.thaw()
        found.until(lambda now: now.state("local") is LiveState.UP, PATIENCE)
        engine.restart(kill=True)
        engine.docker("start", "web")
        found.until(lambda now: (facts := now.of("local")["web"].facts) and facts.state == "running", PATIENCE)
        engine.docker("rename", "web", "harmless")
        found.until(lambda now: now.of("local").get("harmless"), PATIENCE)


def test_an_engine_that_is_too_old_is_said_to_be_and_taken_up_once_it_is_not(socket_path: Path) -> None:
    version = {"Api-Version": "1.30"}

    def answers(method: str, path: str) -> bytes | None:
        return http(b"OK", headers=version) if path.endswith("/_ping") else None

    with FakeEngine(socket_path, answers), watching(fake(socket_path)) as found:
        found.until(lambda now: now.hosts["local"].state is LiveState.API_TOO_OLD, PATIENCE)
        assert "too old: it speaks API 1.30" in found.hosts["local"].reason
        version["Api-Version"] = "1.41"
        found.until(lambda now: now.is_whole("local", 1), PATIENCE)


def test_an_engine_is_asked_for_what_costs_it_little_and_for_no_sizes(socket_path: Path) -> None:
    with FakeEngine(socket_path) as engine, watching(fake(socket_path)) as found:
        found.until(lambda now: now.is_whole("local", 1) and now.hosts["local"].engine, PATIENCE)
        found.until(lambda now: sum("/events?" in one for one in engine.requests) > 0, PATIENCE)
        asked = {re.sub(r"/v1\.[0-9]+", "", one).partition("&filters")[0] for one in engine.requests}
    known = {"/_ping", "/containers/json?all=1", "/info", "/version", f"/containers/{ID}/json"}
    assert {one for one in asked if "/events?" not in one} == {f"GET {one}" for one in known}


def fake(path: Path) -> Setting:
    return Setting(environment={"DOCKER_HOST": f"unix://{path}"})


def test_of_three_hosts_over_ssh_one_is_lost_and_comes_back(three_hosts: ThreeHosts, client: ClientSide) -> None:
    for host in three_hosts:
        client.add(host, jump="jump" if host.name == "inner" else "")
    names = [host.name for host in three_hosts]
    with labs(three_hosts) as made, watching(over_ssh(client), *names) as found:
        found.until(lambda now: all(now.is_whole(name, 1) for name in names), PATIENCE)
        found.until(lambda now: [now.hosts[name].state for name in names] == [LiveState.UP] * 3, PATIENCE)
        found.until(lambda now: all(now.hosts[name].engine_id for name in names), PATIENCE)
        assert len({found.hosts[name].engine_id for name in names}) == 3
        assert all(found.hosts[name].route.startswith("socket ") for name in names)
        assert all(found.hosts[name].free_bytes for name in names), "by SFTP"
        assert not any(COMMAND in host.log() for host in three_hosts), "no command is run on a host"
        three_hosts.other.link_down()
        try:
            found.until(lambda now: now.state("other") is LiveState.STALE, PATIENCE)
            assert found.is_whole("other", 1) and found.hosts["other"].as_of is not None
            made["inner"].make(Suspect(name="new", command=SLEEP))
            found.until(lambda now: now.is_whole("inner", 2), PATIENCE)
            found.until(lambda now: now.state("jump") is now.state("inner") is LiveState.UP, PATIENCE)
        finally:
            three_hosts.other.link_up()
        made["other"].make(Suspect(name="new", command=SLEEP))
        found.until(lambda now: now.state("other") is LiveState.UP and now.is_whole("other", 2), PATIENCE)


@contextmanager
def labs(hosts: ThreeHosts) -> Iterator[dict[str, Lab]]:
    """A lab for the engine of each host, with a container on it."""
    made = {host.name: Lab(engine) for host in hosts if (engine := host.engine) is not None}
    try:
        for name, lab in made.items():
            lab.make(Suspect(name=f"on-{name}", command=SLEEP))
        yield made
    finally:
        for lab in made.values():
            lab.clean()


def test_a_host_with_another_key_is_not_spoken_to_until_the_responder_says_so(
    three_hosts: ThreeHosts, client: ClientSide
) -> None:
    jump = three_hosts.jump
    client.add(jump)
    with watching(over_ssh(client), "jump") as found:
        found.until(lambda now: now.hosts["jump"].state is LiveState.UP, PATIENCE)
        jump.new_host_key()
        jump.end_sessions()
        found.until(lambda now: now.state("jump") is LiveState.KEY_CHANGED, PATIENCE)
        assert "key" in found.hosts["jump"].reason
        served = jump.log().count("Connection from")
        found.live.refresh("jump")
        with pytest.raises(UnreachableError) as caught:
            found.live.target("jump", found.live.deadline(10))
        assert caught.value.state is HostState.KEY_CHANGED
        assert jump.log().count("Connection from") == served
        client.known_hosts.write_text("\n".join(jump.known_hosts_lines()) + "\n", encoding="utf-8")
        found.live.retry("jump")
        found.until(lambda now: now.state("jump") is LiveState.UP, PATIENCE)


def test_a_host_whose_engine_is_reached_by_commands_is_watched_with_few_and_none_is_left(
    engine: Engine, lab: Lab, client: ClientSide
) -> None:
    lab.make(Suspect(name="web", command=SLEEP))
    with start_host(name="web", engine=engine, sshd={"AllowStreamLocalForwarding": "no", "MaxSessions": "2"}) as host:
        client.add(host)
        with watching(over_ssh(client), "web") as found:
            found.until(lambda now: now.is_whole("web", 1), PATIENCE)
            assert not found.hosts["web"].route.startswith("socket ") and COMMAND in host.log()
            lab.make(Suspect(name="new", command=SLEEP))
            found.until(lambda now: now.is_whole("web", 2), PATIENCE)
            assert found.state("web") is LiveState.UP
        assert host.wait_no_processes("dial-stdio") == {}


def test_a_password_is_asked_for_once_and_again_only_when_the_responder_tries_again(
    engine: Engine, client: ClientSide
) -> None:
    answers: list[str | None] = [None, "open sesame"]
    asked: list[str] = []

    def ask(prompt: str) -> str | None:
        asked.append(prompt)
        return answers[len(asked) - 1]

    user = User("pat", groups=("docker",), password="open sesame", authorized=False)
    with start_host(name="web", engine=engine, users=[user]) as host:
        client.add(host, user="pat")
        with watching(over_ssh(client, ask), "web") as found:
            found.until(lambda now: now.hosts["web"].state is LiveState.AUTH, PATIENCE)
            found.live.refresh()
            assert len(asked) == 1
            found.live.retry("web")
            found.until(lambda now: now.state("web") is LiveState.UP, PATIENCE)
    assert len(asked) == 2 and all("pat@" in one for one in asked)
