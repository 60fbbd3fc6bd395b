"""The verbs about hosts, and the ways to say which host is meant, as a responder uses them: real sshd, real engine."""

import hashlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.acceptance.command import Irkit
from tests.acceptance.terminal import on_terminal
from tests.lab.client_side import ClientSide
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.host_start import start_host
from tests.lab.hosts import LabHost, User
from tests.lab.suspects import Lab
from tests.lab.tools import tool

pytestmark = pytest.mark.engine

PASSWORD = "correct horse battery staple 7"
USERS = (
    User("root"),
    User("ana", groups=("docker",)),
    User("eve"),
    User("pat", groups=("docker",), password=PASSWORD, authorized=False),
)
QUICK = {"ConnectTimeout": "2"}
DO_SO = "Type yes to do so:"


class Suspects(NamedTuple):
    """Containers by id."""

    web: str
    db: str


@pytest.fixture(scope="module")
def host(engine: Engine) -> Iterator[LabHost]:
    with start_host(name="site", engine=engine, users=USERS, port=2022) as made:
        yield made


@pytest.fixture(scope="module")
def dead(engine: Engine) -> Iterator[LabHost]:
    """A host that has gone without a word."""
    del engine
    with start_host(name="dead") as made:
        made.link_down()
        yield made


@pytest.fixture(scope="module")
def suspects(shared: Lab) -> Suspects:
    shared.network(Network("front", subnet="10.77.7.0/24"))
    web = Suspect(name="web", networks=(Attach("front", ipv4="10.77.7.50", aliases=("www",)),), labels={"tier": "web"})
    return Suspects(shared.make(web), shared.make(Suspect(name="db", command=("sleep", "1000"))))


@pytest.fixture
def irkit(host: LabHost, client: ClientSide, suspects: Suspects, tmp_path: Path) -> Irkit:
    """A responder who knows the host as `site`, by its address and port too, and whose docker names no engine."""
    client.add(host)
    client.add(host, name=host.address)
    return Irkit(f"unix://{tmp_path}/none.sock", tmp_path / "evidence", client)


@pytest.fixture
def hosts_file(client: ClientSide) -> Path:
    return client.home / ".config" / "irkit" / "hosts.yml"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rows(text: str) -> dict[str, str]:
    """The lines below a head by their first word, in order."""
    return {line.split()[0]: line for line in text.splitlines()[1:] if line and not line.startswith(" ")}


# Listing what is known -------------------------------------------------------------------------------------------


def test_hosts_lists_what_is_known_and_asks_nobody(irkit: Irkit, hosts_file: Path, host: LabHost) -> None:
    context(irkit.client, "far-away", f"ssh://root@{host.address}:{host.port}")
    write(
        hosts_file,
        f"defaults: {{user: root}}\nhosts:\n"
        f"  - {{name: web1, address: {host.address}, port: {host.port}, groups: [web, dc], labels: {{tier: edge}}}}\n"
        "  - {name: db1, address: 192.0.2.1, jump: web1, groups: [dc]}\n",
    )
    before = host.log()
    listed = rows(irkit.here("hosts").out)
    assert list(listed) == ["local", "web1", "db1", "context:far-away"]
    assert "web,dc" in listed["web1"] and "tier=edge" in listed["web1"] and "192.0.2.1" in listed["db1"]
    plain = {one["name"]: one for one in irkit.here("hosts", "list", "--json").json}
    assert {name: one["kind"] for name, one in plain.items()} == {
        "local": "local",
        "web1": "inventory",
        "db1": "inventory",
        "context:far-away": "context",
    }
    assert plain["web1"]["port"] == 2022 and plain["web1"]["groups"] == ["web", "dc"]
    assert f"{host.address}:2022" in plain["db1"]["jump"]
    assert plain["context:far-away"]["reach"] == "ssh" and plain["local"]["reach"] == "local"
    assert host.log() == before


def test_a_broken_inventory_is_one_line_with_its_place(irkit: Irkit, hosts_file: Path) -> None:
    write(hosts_file, "hosts:\n  - {name: web1, adress: x}\n")
    for words in (("hosts",), ("ls", "-H", "web1"), ("hosts", "check")):
        ended = irkit.here(*words, status=2)
        assert len(ended.error_lines) == 1 and "hosts.yml:2" in ended.err and "adress" in ended.err


# Checking --------------------------------------------------------------------------------------------------------


def test_a_check_tells_what_a_host_is(irkit: Irkit, host: LabHost, engine: Engine) -> None:
    info = json.loads(engine.docker("info", "--format", "{{json .}}").stdout)
    (told,) = irkit("hosts", "check", "site", "--json").json
    assert told["state"] == "up" and told["host"] == "site" and told["address"] == f"{host.address}:{host.port}"
    assert told["engine"] == "Docker" and told["engine_version"] == info["ServerVersion"]
    assert told["engine_id"] == info["ID"] and told["storage_driver"] == info["Driver"]
    assert told["cgroup"] == info["CgroupVersion"] and told["rootless"] is False
    assert (told["containers"], told["running"]) == (info["Containers"], info["ContainersRunning"])
    assert told["route"].startswith("socket /") and told["user"] == "root" and told["privileges"] == "root"
    assert told["host_key"] in fingerprints(host)
    assert told["latency_ms"] > 0 and abs(told["clock_offset_ns"]) < 10**9
    stat = os.statvfs(engine.root)
    assert 0.5 < told["free_bytes"] / (stat.f_bavail * stat.f_frsize) < 2
    assert told["cannot"] == []

    shown = irkit("hosts", "check", "site").out
    assert rows(shown)["site"].split()[1] == "up" and info["ServerVersion"] in shown and told["host_key"] in shown


def test_a_check_says_what_cannot_be_done_as_an_ordinary_user(irkit: Irkit, host: LabHost) -> None:
    assert irkit.client
    irkit.client.add(host, name="as-ana", user="ana")
    (told,) = irkit("hosts", "check", "as-ana", "--json").json
    assert told["state"] == "up" and told["user"] == "ana" and "docker" in told["privileges"]
    assert any("root" in sentence for sentence in told["cannot"])
    assert "cannot: " in irkit("hosts", "check", "as-ana").out


def fingerprints(host: LabHost) -> set[str]:
    """Of all keys of a host, as ssh-keygen tells them."""
    lines = "".join(f"{line}\n" for line in host.host_keys.values()).encode()
    argv = [tool("ssh-keygen"), "-l", "-f", "-"]
    told = subprocess.run(argv, input=lines, capture_output=True, check=True).stdout.decode()
    return {line.split()[1] for line in told.splitlines()}


@pytest.fixture
def failing(irkit: Irkit, host: LabHost, dead: LabHost) -> dict[str, tuple[str, str]]:
    """Hosts that cannot be used: name, state, and a part of the reason."""
    client = irkit.client
    assert client
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client.add(dead, options=QUICK)
    client.add(host, name="closed", address="127.0.0.1", port=port, trust=False)
    client.add(host, name="stranger", trust=False, options={"HostKeyAlias": "stranger"})
    client.add(host, name="changed", trust=False, options={"HostKeyAlias": "changed"})
    client.trust(*(line.replace(dead.address, "changed") for line in dead.known_hosts_lines()))
    client.add(host, name="locked", user="pat")
    client.add(host, name="bare", user="eve")
    return {
        "dead": ("down", "does not answer"),
        "closed": ("down", "refuses"),
        "stranger": ("host key unknown", "SHA256:"),
        "changed": ("host key CHANGED", "SHA256:"),
        "locked": ("not authorised", "--ask-pass"),
        "bare": ("no engine", "eve"),
    }


def test_a_host_that_cannot_be_used_is_a_row_with_its_reason(
    irkit: Irkit, failing: dict[str, tuple[str, str]], host: LabHost
) -> None:
    names = [*failing, "site"]
    ended = irkit("hosts", "check", *names, "--json", status=1)
    assert [one["host"] for one in ended.json] == names, "as asked for, whoever answered first"
    told = {one["host"]: one for one in ended.json}
    assert told.pop("site")["state"] == "up"
    for name, (state, reason) in failing.items():
        assert told[name]["state"] == state and reason in told[name]["error"], told[name]
    assert told["stranger"]["error"].count("\n") == 0 and "hosts trust" in told["stranger"]["error"]
    assert any(one in told["changed"]["error"] for one in fingerprints(host))
    assert "6 of 7 hosts" in ended.err

    shown = rows(irkit("hosts", "check", *names, status=1).out)
    assert all(state in shown[name] for name, (state, _) in failing.items())
    assert set(shown) == set(names) and "up" in shown["site"]


def test_where_no_host_can_be_used_the_status_is_3(irkit: Irkit, failing: dict[str, tuple[str, str]]) -> None:
    del failing
    names = ("stranger", "closed")
    for words in (("hosts", "check", *names), ("ls", "-H", ",".join(names))):
        ended = irkit(*words, status=3)
        assert "none of the 2 hosts could be reached" in ended.err and len(ended.error_lines) == 1
    one = irkit("hosts", "check", "closed", status=3)
    assert "refuses" in one.out
    for verb in (("inspect", "web"), ("plan", "triage", "web"), ("run", "triage", "web")):
        ended = irkit(*verb, "-H", ",".join(names), status=3)
        assert len(ended.error_lines) == 1 and "stranger: " in ended.err and "closed: " in ended.err
    assert not irkit.evidence.exists()


# Adding ----------------------------------------------------------------------------------------------------------

BEFORE = """\
# Ours, since 2019.
hosts:
  - name: old   # do not touch
    address: 192.0.2.7
    labels: {"tier": 'edge'}


# the end
"""


def test_an_added_host_can_be_used_and_the_file_keeps_its_bytes(irkit: Irkit, hosts_file: Path, host: LabHost) -> None:
    write(hosts_file, BEFORE)
    address = f"root@{host.address}:{host.port}"
    irkit.here("hosts", "add", "new", address, "--group", "web", "--label", "tier=db")
    text = hosts_file.read_text(encoding="utf-8")
    kept = iter(text.splitlines())
    assert all(line in kept for line in BEFORE.splitlines()), text
    assert len(text.splitlines()) - len(BEFORE.splitlines()) in range(1, 8)
    assert {one["name"] for one in irkit("ls", "-H", "group:web", "--json").json} == {"web", "db"}
    assert {one["name"] for one in irkit("ls", "-H", "label:tier=d*", "--json").json} == {"web", "db"}

    before = hosts_file.read_bytes()
    again = irkit.here("hosts", "add", "new", "192.0.2.9", status=2)
    assert len(again.error_lines) == 1 and "already" in again.err
    for words in (("all", "192.0.2.9"), ("group:x", "192.0.2.9"), ("x", "root:secret@192.0.2.9"), ("-x", "y")):
        ended = irkit.here("hosts", "add", *words, status=2)
        assert len(ended.error_lines) == 1 and "secret" not in ended.err
    assert hosts_file.read_bytes() == before


def test_the_first_host_makes_the_file(irkit: Irkit, hosts_file: Path) -> None:
    assert irkit.client
    irkit.here("hosts", "add", "site")
    assert hosts_file.stat().st_mode & 0o077 == 0
    assert {one["name"] for one in irkit("ls", "-H", "all", "--json").json} == {"web", "db"}


# Trusting --------------------------------------------------------------------------------------------------------


@pytest.fixture
def unseen(host: LabHost, client: ClientSide, suspects: Suspects, tmp_path: Path) -> Irkit:
    """A responder who has never been on the host; their known_hosts has a line about another."""
    del suspects
    client.add(host, trust=False)
    client.trust("other.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0000000000000000000000000000000000000000000")
    return Irkit("", tmp_path / "evidence", client)


def known(irkit: Irkit) -> bytes:
    assert irkit.client
    return irkit.client.known_hosts.read_bytes()


def test_a_key_is_recorded_after_a_typed_yes(unseen: Irkit, host: LabHost) -> None:
    before = known(unseen)
    refused = unseen("ls", "-H", "site", status=3)
    assert "hosts trust" in refused.err and any(one in refused.err for one in fingerprints(host))

    status, shown = on_terminal(unseen, "hosts", "trust", "site", answer="no", question=DO_SO)
    assert status == 2 and "nothing is recorded" in shown and known(unseen) == before
    assert all(one in shown for one in fingerprints(host)), shown
    silent = unseen("hosts", "trust", "site", status=2)
    assert "--fingerprint" in silent.err and known(unseen) == before

    status, shown = on_terminal(unseen, "hosts", "trust", "site", answer="yes", question=DO_SO)
    assert status == 0 and shown.count("recorded ") == 3
    assert known(unseen).startswith(before)
    assert {one["name"] for one in unseen("ls", "-H", "site", "--json").json} == {"web", "db"}
    assert unseen.client and unseen.client.ssh("site", "true").returncode == 0, "OpenSSH reads it as we do"
    assert "known already" in unseen("hosts", "trust", "site").out


def test_a_key_is_recorded_by_the_fingerprint_told(unseen: Irkit, host: LabHost) -> None:
    before = known(unseen)
    wrong = unseen("hosts", "trust", "site", "--fingerprint", "SHA256:" + "A" * 43, status=2)
    assert "shows no key with that fingerprint" in wrong.err and known(unseen) == before
    right = sorted(fingerprints(host))[0]
    unseen("hosts", "trust", "site", "--fingerprint", right)
    assert known(unseen).count(b"\n") == before.count(b"\n") + 1
    assert unseen("hosts", "check", "site", "--json").json[0]["host_key"] == right
    assert "is recorded already: nothing is recorded" in unseen("hosts", "trust", "site", "--fingerprint", right).out
    other = sorted(fingerprints(host))[1]  # of another type than the one that is recorded
    refused = unseen("hosts", "trust", "site", "--fingerprint", other, status=2)
    assert "type that is not recorded" in refused.err and known(unseen).count(b"\n") == before.count(b"\n") + 1


def test_a_changed_key_is_never_recorded(irkit: Irkit, failing: dict[str, tuple[str, str]], host: LabHost) -> None:
    before = known(irkit)
    for words in ((), ("--fingerprint", sorted(fingerprints(host))[0])):
        ended = irkit("hosts", "trust", "changed", *words, status=None)
        assert ended.status not in (0, 70) and "nothing is recorded" in ended.err and "known_hosts" in ended.err
    status, shown = on_terminal(irkit, "hosts", "trust", "changed", answer="yes", question=DO_SO)
    assert status != 0 and DO_SO not in shown
    assert known(irkit) == before


# Listing containers ----------------------------------------------------------------------------------------------


def test_rows_of_hosts_come_as_they_answer(irkit: Irkit, host: LabHost) -> None:
    client = irkit.client
    assert client
    patient = {"ConnectTimeout": "100"}
    alive = [client.add(host, name=f"h{number}", trust=False, options=patient) for number in range(9)]
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client.add(host, name="mute", address="127.0.0.1", port=mute.getsockname()[1], trust=False, options=patient)
        process = irkit.begin("ls", "-H", ",".join(["mute", *alive]))
        assert process.stdout
        head = process.stdout.readline()
        early = [process.stdout.readline().decode().split()[0] for _ in range(2 * len(alive))]
        assert process.poll() is None, "the mute host is waited for yet, and all others are here"
    rest, err = process.communicate(timeout=120)
    assert head.startswith(b"HOST") and sorted(early) == sorted([*alive, *alive])
    assert rest.count(b"\n") == 1 and rest.startswith(b"mute") and b" down " in rest
    assert process.returncode == 1 and b"1 of 10 hosts" in err


def test_a_list_of_several_hosts_as_json_has_the_failures_in_their_places(
    irkit: Irkit, failing: dict[str, tuple[str, str]], suspects: Suspects
) -> None:
    listed = irkit("ls", "-H", "stranger,site", "-H", "closed", "--json", status=1).json
    assert [one["host"] for one in listed] == ["stranger", "site", "site", "closed"]
    assert {one["id"] for one in listed[1:3]} == set(suspects)
    assert listed[0]["state"] == "host key unknown" and listed[3]["state"] == "down" and listed[3]["error"]


def test_a_name_that_several_hosts_have_needs_its_host(irkit: Irkit, host: LabHost, suspects: Suspects) -> None:
    assert irkit.client
    irkit.client.add(host, name="twin", trust=False)
    both = ("-H", "site,twin")
    for words in (("ls", "web"), ("inspect", "web")):
        ended = irkit(*words, *both, status=2)
        assert len(ended.error_lines) == 1 and ended.out == ""
        assert "site/web" in ended.err and "twin/web" in ended.err and "HOST/NAME" in ended.err
    (one,) = irkit("ls", "twin/web", *both, "--json").json
    assert one["host"] == "twin" and one["id"] == suspects.web
    assert len(irkit("ls", "name:w*", *both, "--json").json) == 2
    (facts,) = irkit("inspect", "site/web", *both, "--json").json
    assert facts["host"] == "site" and facts["attachments"][0]["ipv4"] == "10.77.7.50"
    wrong = irkit("ls", "nowhere/web", *both, status=2)
    assert "nowhere" in wrong.err and len(wrong.error_lines) == 1


def test_one_engine_by_two_names_is_worked_on_once(irkit: Irkit, host: LabHost, engine: Engine) -> None:
    assert irkit.client
    irkit.client.add(host, name="twin", trust=False)
    ended = irkit("plan", "isolate", "name:web", "-H", "site,twin", "--json", status=1)
    plan = ended.json
    assert [one["name"] for one in plan["hosts"]] == ["site"] and len(plan["targets"]) == 1
    (refused,) = plan["refusals"]
    engine_id = engine.docker("info", "--format", "{{.ID}}").stdout.decode().strip()
    assert refused["host"] == "twin" and "site" in refused["reason"] and engine_id in refused["reason"]


def test_a_plan_names_the_hosts_and_how_they_are_reached(irkit: Irkit, host: LabHost) -> None:
    shown = irkit("plan", "isolate", "web", "-H", "site").out
    assert any(one in shown for one in fingerprints(host))
    assert "socket /" in shown and "DRY RUN" in shown and "disconnect" in shown


# Ways to say which host -------------------------------------------------------------------------------------------


def context(client: ClientSide | None, name: str, address: str) -> None:
    """A docker context, as docker itself stores it."""
    assert client
    folder = client.home / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    facts = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": address, "SkipTLSVerify": False}}}
    write(folder / "meta.json", json.dumps(facts))


def names(listed: list[dict[str, Any]]) -> set[str]:
    return {one["name"] for one in listed}


def test_a_host_may_be_an_address(irkit: Irkit, host: LabHost) -> None:
    place = f"root@{host.address}:{host.port}"
    for address in (f"ssh://{place}", place, f"ssh://{place}/var/run/docker.sock"):
        listed = irkit("ls", "-H", address, "--json").json
        assert names(listed) == {"web", "db"} and {one["host"] for one in listed} == {place}
    ended = irkit.here("ls", "-H", f"ssh://root:{PASSWORD}@{host.address}", status=2)
    assert "password" in ended.err and PASSWORD not in ended.err


def test_docker_host_and_contexts_may_name_one(irkit: Irkit, host: LabHost) -> None:
    address = f"ssh://root@{host.address}:{host.port}"
    context(irkit.client, "far-away", address)
    listed = irkit("ls", "--json", extra={"DOCKER_HOST": address}).json
    assert names(listed) == {"web", "db"} and {one["host"] for one in listed} == {"local"}
    unset = replace(irkit, socket="")
    listed = unset("ls", "--json", extra={"DOCKER_CONTEXT": "far-away"}).json
    assert names(listed) == {"web", "db"} and {one["host"] for one in listed} == {"local"}
    listed = irkit("ls", "-H", "context:far-away", "--json").json
    assert names(listed) == {"web", "db"} and {one["host"] for one in listed} == {"context:far-away"}


ANSIBLE_INI = """\
[web]
web[1:2] ansible_host={address} ansible_port={port} ansible_user=root

[dc:children]
web
"""
ANSIBLE_YAML = """\
all:
  children:
    dc:
      vars: {{ansible_user: root, ansible_port: {port}}}
      children:
        web:
          hosts:
            web1: {{ansible_host: {address}}}
            web2: {{ansible_host: {address}}}
"""


@pytest.mark.parametrize("text", [ANSIBLE_INI, ANSIBLE_YAML], ids=["ini", "yaml"])
def test_an_inventory_of_ansibles_is_used_as_it_stands(irkit: Irkit, host: LabHost, tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "inventory", text.format(address=host.address, port=host.port))
    for selector in ("group:dc", "web*"):
        listed = irkit("ls", "-H", selector, "--inventory", str(path), "--json").json
        assert [one["host"] for one in listed] == ["web1", "web1", "web2", "web2"], selector
    assert len(irkit("ls", "-H", "web2", "--json", extra={"IRKIT_HOSTS": str(path)}).json) == 2
    nobody = irkit.here("ls", "-H", "group:db", "--inventory", str(path), status=3)
    assert len(nobody.error_lines) == 1 and "group:db" in nobody.err


# Passwords -------------------------------------------------------------------------------------------------------


def test_a_password_is_asked_for_and_found_nowhere(irkit: Irkit, host: LabHost, tmp_path: Path) -> None:
    place = f"pat@{host.address}:{host.port}"
    silent = irkit("ls", "-H", place, status=3)
    assert "--ask-pass" in silent.err

    looked: list[int] = []

    def watch(pid: int) -> None:
        looked.append(pid)
        assert_unseen(PASSWORD.encode(), pid)

    words = ("run", "triage", "web", "-H", place, "--ask-pass", "--events")
    question = f"Password of pat@{host.address}:{host.port}:"
    status, shown = on_terminal(irkit, *words, answer=PASSWORD, question=question, watch=watch)
    assert status == 0 and question in shown and len(looked) > 3
    assert PASSWORD not in shown
    (bundle,) = irkit.evidence.glob("irb-*")
    files = [path for path in (*irkit.evidence.rglob("*"), *tmp_path.rglob("*")) if path.is_file()]
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert irkit("verify", str(bundle)).status == 0


def assert_unseen(secret: bytes, pid: int) -> None:
    """Nobody can read it in the list of processes, nor those who may read irkit's environment."""
    for place in Path("/proc").glob("[0-9]*"):
        mine = [place / "cmdline", *([place / "environ"] if is_of(place, pid) else [])]
        for path in mine:
            try:
                told = path.read_bytes()
            except OSError:
                continue  # it has ended
            assert secret not in told and secret not in told.replace(b"\0", b" "), path


def is_of(place: Path, pid: int) -> bool:
    """Whether it is that process or a child of it."""
    try:
        parent = (place / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
    except OSError:
        return False
    return place.name == str(pid) or parent == str(pid)
