"""One run over three hosts, two of them behind the third or on another port, with an engine each: the whole way, and
what comes of it when a host is cut off half way, gone from the start, or another one than it was (real sshd).

The run that loses a host waits for most of a minute. It does so beside the tests that need that host to be gone.
"""

import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.bundles import events, items
from tests.acceptance.command import Irkit
from tests.acceptance.compare import ASSIGNED_ANEW, differences
from tests.lab.client_side import ClientSide
from tests.lab.counting import wait_until
from tests.lab.description import Attach, Network, Suspect
from tests.lab.engine import Engine
from tests.lab.fixtures import ThreeHosts
from tests.lab.host_start import start_host
from tests.lab.hosts import LabHost
from tests.lab.images import big_image
from tests.lab.suspects import Lab
from tests.lab.tools import tool

pytestmark = pytest.mark.engine

NAMES = ("jump", "other", "inner")
CUT_OFF = {"other": "5", "inner": "10"}
"""Seconds that are waited for hosts which are cut off here: not long, and long enough while they are there."""
NOISE = "while :; do echo noise; echo more >&2; usleep 2000; done"
LONGEST = 300
"""Seconds after which a run that lost a host counts as one that hangs."""
Events = list[dict[str, Any]]


# The hosts, what is on them, and who responds ---------------------------------------------------------------------


@dataclass
class Site:
    """The hosts, with the containers on them as they were: HOST/NAME to what their engine said of them."""

    hosts: dict[str, LabHost]
    before: dict[str, dict[str, Any]] = field(default_factory=dict)

    def engine(self, host: str) -> Engine:
        engine = self.hosts[host].engine
        assert engine is not None
        return engine

    def engine_id(self, host: str) -> str:
        return self.engine(host).docker("info", "--format", "{{.ID}}").stdout.decode().strip()

    def inspect(self, key: str) -> dict[str, Any]:
        host, _, name = key.partition("/")
        return self.engine(host).inspect(name)

    def is_contained(self, key: str) -> bool:
        now = self.inspect(key)
        return now["NetworkSettings"]["Networks"] == {} and bool(now["State"]["Paused"])

    def changed(self, *keys: str) -> list[str]:
        """Where containers (all, unless some are named) are not as they were."""
        return [
            f"{key}{one}"
            for key in keys or self.before
            for one in differences(self.before[key], self.inspect(key), ASSIGNED_ANEW)
        ]


@pytest.fixture(scope="module")
def three_hosts(engine: Engine, second_engine: Engine, third_engine: Engine) -> Iterator[ThreeHosts]:
    """The hosts of the whole module. One key opens them all."""
    with (
        start_host(name="jump", engine=second_engine) as jump,
        start_host(name="other", engine=engine, port=2222, client_key=jump.client_key) as other,
        start_host(name="inner", engine=third_engine, behind=jump, client_key=jump.client_key) as inner,
    ):
        yield ThreeHosts(jump, other, inner)


@pytest.fixture(scope="module")
def site(three_hosts: ThreeHosts) -> Iterator[Site]:
    """On each host a container on two networks and a spare one; a large one on `other`, a noisy one on `inner`."""
    found = Site(dict(zip(NAMES, three_hosts, strict=True)))
    with ExitStack() as labs:
        for number, host in enumerate(NAMES):
            lab = labs.enter_context(Lab(found.engine(host)))
            for suspect in (*suspects(lab, number), *special(lab, host)):
                lab.make(suspect)
                found.before[f"{host}/{suspect.name}"] = {}
        for key in found.before:
            found.before[key] = found.inspect(key)
        yield found


def suspects(lab: Lab, number: int) -> Iterator[Suspect]:
    front, back = f"10.77.1{number}", f"10.77.2{number}"
    lab.network(Network("front", subnet=f"{front}.0/24"))
    lab.network(Network("back", subnet=f"{back}.0/24"))
    networks = (Attach("front", f"{front}.50", aliases=("www", "api")), Attach("back", f"{back}.50", aliases=("db",)))
    yield Suspect(name="web", networks=networks, stdout=(b"hello\n",), changed={"/opt/dropper": b"#!/bin/sh\n"})
    yield Suspect(name="spare", networks=(Attach("front", f"{front}.51"),), command=("sleep", "1000"))


def special(lab: Lab, host: str) -> Iterator[Suspect]:
    if host == "other":
        image = big_image(lab.engine, 300, 150)
        yield Suspect(name="big", image=image, command=("sleep", "1000"), networks=(Attach("back", "10.77.21.52"),))
    if host == "inner":
        yield Suspect(name="noisy", command=("sh", "-c", NOISE), networks=(Attach("back", "10.77.22.52"),))


@pytest.fixture(scope="module")
def home(three_hosts: ThreeHosts, tmp_path_factory: pytest.TempPathFactory) -> ClientSide:
    """The responder's home: an inventory with addresses, keys for these, and names that ssh alone knows."""
    client = ClientSide(tmp_path_factory.mktemp("responder") / "home")
    by_address(client, three_hosts)
    client.add(three_hosts.jump, name="ssh-jump", trust=False)
    client.add(three_hosts.inner, name="ssh-inner", trust=False, jump="ssh-jump")
    write_inventory(client, three_hosts)
    return client


def by_address(client: ClientSide, hosts: ThreeHosts) -> None:
    """Say which key opens each of the hosts, and which keys of theirs are known, by their addresses."""
    for host in hosts:
        patience = {"ConnectTimeout": CUT_OFF.get(host.name, "60")}
        client.add(host, name=host.address, options=patience)


def write_inventory(client: ClientSide, hosts: ThreeHosts, **addresses: LabHost) -> None:
    """An inventory of the hosts, some of them at the address of another."""
    jump, other, inner = (addresses.get(name, host) for name, host in zip(NAMES, hosts, strict=True))
    path = client.home / ".config/irkit/hosts.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "defaults: {user: root, groups: [dc]}\n"
        "hosts:\n"
        f"  - {{name: jump, address: {jump.address}, port: {jump.port}, labels: {{zone: edge}}}}\n"
        f"  - {{name: other, address: {other.address}, port: {other.port}, labels: {{zone: core}}}}\n"
        f"  - {{name: inner, address: {inner.address}, port: {inner.port}, jump: jump, labels: {{zone: core}}}}\n",
        encoding="utf-8",
    )


@pytest.fixture
def irkit(home: ClientSide, tmp_path: Path) -> Irkit:
    return Irkit("", tmp_path / "evidence", home)


def fingerprints(host: LabHost) -> set[str]:
    """Of all keys of a host, as ssh-keygen tells them."""
    lines = "".join(f"{line}\n" for line in host.host_keys.values()).encode()
    told = subprocess.run([tool("ssh-keygen"), "-l", "-f", "-"], input=lines, capture_output=True, check=True).stdout
    return {line.split()[1] for line in told.decode().splitlines()}


def described(bundle: str | Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(bundle) / "metadata" / name).read_bytes())
    return found


def undo(irkit: Irkit, bundle: str | Path, status: int = 0) -> dict[str, Any]:
    summary: dict[str, Any] = irkit("undo", str(bundle), "--approve", "change", "--json", status=status).json
    return summary


# All three at once -----------------------------------------------------------------------------------------------


def test_containers_of_three_hosts_are_contained_preserved_and_taken_back(site: Site, irkit: Irkit) -> None:
    summary = irkit.run("contain-and-preserve", "all", more=("-H", "group:dc"))
    bundle = summary["bundle"]
    assert summary["outcome"] == "done" and summary["failures"] == [] and summary["refused"] == []
    assert all(site.is_contained(key) for key in site.before)
    assert irkit("verify", bundle).status == 0

    check_parts(site, Path(bundle))
    check_hosts(site, bundle)

    assert undo(irkit, bundle)["to_undo"] == 0
    assert site.changed() == []
    assert "nothing is left" in irkit("undo", bundle).out


def check_parts(site: Site, bundle: Path) -> None:
    """A part for each host, with all that was collected of each of its containers and of the host."""
    assert {path.name for path in (bundle / "data").iterdir()} == {*NAMES, "log"}
    for key, facts in site.before.items():
        host, _, name = key.partition("/")
        place = bundle / "data" / host / f"{name}-{facts['Id'][:8]}"
        files = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
        assert {"inspect.json", "processes.json", "logs/stdout.log.zst", "export/rootfs.tar.zst"} <= files, key
        assert json.loads((place / "inspect.json").read_bytes())["Id"] == facts["Id"]
    for host in NAMES:
        assert {"info.json", "clock-start.json", "clock-end.json"} <= {
            path.name for path in (bundle / "data" / host / "host").iterdir()
        }
    assert not [one["path"] for one in items(bundle) if one["partial"]]
    assert {one["host"] for one in items(bundle)} == set(NAMES)


def check_hosts(site: Site, bundle: str) -> None:
    """The bundle, the plan and the log say which hosts they were, by what cannot be told by a name."""
    for name in ("bundle.json", "plan.json"):
        told = {one["name"]: one for one in described(bundle, name)["hosts"]}
        assert set(told) == set(NAMES)
        for host, facts in told.items():
            assert facts["host_key"] in fingerprints(site.hosts[host])
            assert facts["engine_id"] == site.engine_id(host) and facts["route"].startswith("socket /")
            assert facts["address"] == site.hosts[host].address and facts["port"] == site.hosts[host].port
        assert site.hosts["jump"].address in told["inner"]["jump"]
    started, *_, finished = events(bundle)
    assert set(started["hosts"]) == set(NAMES)
    assert started["engines"] == {host: site.engine_id(host) for host in NAMES}
    assert finished["event"] == "run-finished" and finished["outcome"] == "done"


def read_until(process: "subprocess.Popen[bytes]", reached: Callable[[dict[str, Any]], bool]) -> Events:
    """The events of a run up to the first that is meant."""
    assert process.stdout
    seen: Events = []
    for line in process.stdout:
        seen.append(json.loads(line)["event"])
        if reached(seen[-1]):
            return seen
    assert process.stderr
    raise AssertionError(f"the run ended before that: {process.stderr.read()!r} {seen[-3:]}")


def begin_large_export(site: Site, irkit: Irkit, *words: str) -> tuple["subprocess.Popen[bytes]", Events]:
    """A run over all hosts, once some of the large container has come; its events up to the start of that."""
    process = irkit.begin("run", "contain-and-preserve", *words, "-H", "all", "--approve", "change", "--events")
    big = site.before["other/big"]["Id"]
    begun = ("operation-started", "disk", big)
    seen = read_until(process, lambda one: (one["event"], one.get("step"), one.get("container")) == begun)
    pattern = f".partial-*/data/other/big-{big[:8]}/export/rootfs.tar*"
    assert wait_until(lambda: any(path.stat().st_size for path in irkit.evidence.glob(pattern)))
    return process, seen


def test_an_interrupt_ends_the_run_on_all_hosts_in_order(site: Site, irkit: Irkit) -> None:
    process, _ = begin_large_export(site, irkit, "name:big", "name:web")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    last = json.loads(out.splitlines()[-1])["event"]
    assert last["event"] == "run-finished" and last["outcome"] == "interrupted" and "SIGINT" in last["reason"]
    (bundle,) = irkit.evidence.glob("irb-*")
    assert irkit("verify", str(bundle)).status == 0
    assert any("big" in one["path"] and one["partial"] for one in items(bundle))
    assert site.is_contained("other/big"), "what was done stays"
    undo(irkit, bundle)
    assert site.changed() == []


# A host that is cut off half way, and what goes on beside that ---------------------------------------------------


@dataclass
class Cut:
    """A run that has lost a host, and waits for it: its events so far and, as they come, those after the cut."""

    irkit: Irkit
    process: "subprocess.Popen[bytes]"
    before: Events
    after: Events = field(default_factory=list)
    reader: threading.Thread | None = None

    def read(self) -> None:
        """On a thread, so that the run finds somebody who listens."""
        assert self.process.stdout
        self.after += [json.loads(line)["event"] for line in self.process.stdout]

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        assert self.reader
        self.reader.join(LONGEST)
        assert not self.reader.is_alive(), self.after[-3:]
        return self.process.wait(60)


@pytest.fixture(scope="module")
def cut(site: Site, home: ClientSide, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cut]:
    """A run on a container of each host, of which `other` is lost while its archive streams."""
    irkit = Irkit("", tmp_path_factory.mktemp("cut") / "evidence", home)
    process, seen = begin_large_export(site, irkit, "other/big", "jump/web", "inner/web")
    site.hosts["other"].link_down()
    found = Cut(irkit, process, seen)
    found.reader = threading.Thread(target=found.read)
    found.reader.start()
    try:
        yield found
    finally:
        site.hosts["other"].link_up()
        process.kill()
        found.reader.join(10)
        process.communicate()


@pytest.mark.usefixtures("cut")
def test_a_host_that_is_gone_from_the_start_is_refused_and_the_others_go_on(site: Site, irkit: Irkit) -> None:
    words = ("freeze", "name:spare", "-H", "group:dc")
    plan = irkit("plan", *words, "--json", status=1).json
    assert [one["host"] for one in plan["refusals"]] == ["other"] and len(plan["targets"]) == 2

    ended = irkit("run", *words, "--approve", "change", status=1)
    assert "REFUSED" in ended.err and "host other: " in ended.err and "does not answer" in ended.err
    (bundle,) = irkit.evidence.glob("irb-*")
    (refused,) = [one for one in events(bundle) if one["event"] == "target-refused"]
    assert refused["host"] == "other" and refused["container"] == "" and "does not answer" in refused["reason"]
    assert [one["host"] for one in described(bundle, "plan.json")["refusals"]] == ["other"]
    assert {one["host"] for one in items(bundle)} == {"jump", "inner"}
    assert site.inspect("jump/spare")["State"]["Paused"] and site.inspect("inner/spare")["State"]["Paused"]
    assert "host other" in irkit("show", str(bundle)).out and irkit("verify", str(bundle)).status == 0

    undo(irkit, bundle)
    assert site.changed("jump/spare", "inner/spare") == []


@pytest.mark.usefixtures("cut")
def test_where_no_host_is_left_nothing_is_begun(irkit: Irkit, three_hosts: ThreeHosts) -> None:
    assert irkit.client
    irkit.client.add(three_hosts.jump, name="closed", address="127.0.0.1", port=1, trust=False)
    for verb in (("run", "freeze"), ("plan", "freeze"), ("inspect",)):
        ended = irkit(*verb, "name:spare", "-H", "other,closed", status=3)
        assert len(ended.error_lines) == 1 and ended.out == ""
        assert "other: " in ended.err and "closed: " in ended.err
    assert not irkit.evidence.exists()


def elsewhere(tmp_path: Path, bundle: str) -> Irkit:
    """Another responder's machine, to which nothing but the bundle was brought."""
    place = tmp_path / "elsewhere"
    shutil.copytree(bundle, place / Path(bundle).name)
    return Irkit("", place / "evidence", ClientSide(place / "home"))


def test_a_bundle_is_undone_from_another_machine_that_knows_the_names(
    site: Site, irkit: Irkit, three_hosts: ThreeHosts, tmp_path: Path
) -> None:
    summary = irkit.run("freeze", "name:spare", more=("-H", "ssh-jump,ssh-inner"))
    assert {one["key"].partition("/")[0] for one in summary["changes"]} == {"ssh-jump", "ssh-inner"}
    again = irkit("run", "isolate", "spare", "-H", "jump", "--approve", "change", status=1)
    assert "holds it contained already" in again.out, "the same container, whatever its host is called"
    there = elsewhere(tmp_path, summary["bundle"])
    assert there.client
    there.client.add(three_hosts.jump, name="ssh-jump")
    there.client.add(three_hosts.inner, name="ssh-inner", jump="ssh-jump")
    undo(there, there.evidence.parent / Path(summary["bundle"]).name)
    assert site.changed("jump/spare", "inner/spare") == []


def test_a_bundle_alone_tells_where_its_hosts_are(
    site: Site, irkit: Irkit, three_hosts: ThreeHosts, tmp_path: Path
) -> None:
    summary = irkit.run("isolate", "name:spare", more=("-H", "jump,inner"))
    there = elsewhere(tmp_path, summary["bundle"])
    assert there.client
    by_address(there.client, three_hosts)
    copy = there.evidence.parent / Path(summary["bundle"]).name

    refuse_forged_plan(there, copy)
    refuse_other_engine(there, copy, site, three_hosts)
    assert site.inspect("jump/spare")["NetworkSettings"]["Networks"] == {}, "nothing was done so far"
    undo(there, copy)
    assert site.changed("jump/spare", "inner/spare") == []


def refuse_forged_plan(there: Irkit, bundle: Path) -> None:
    """A plan that the log does not vouch for is not believed: whoever changed it must not be connected to."""
    assert there.client
    path = bundle / "metadata/plan.json"
    whole, config = path.read_bytes(), there.client.config.read_text(encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as forger:
        plan = json.loads(whole)
        for host in plan["hosts"]:
            host |= {"address": "127.0.0.1", "port": forger.getsockname()[1], "jump": ""}
        path.chmod(0o600)
        path.write_text(json.dumps(plan), encoding="utf-8")
        # So that the names themselves lead nowhere, and are looked up nowhere.
        there.client.config.write_text(f"Host jump inner\n    ProxyCommand false\n{config}", encoding="utf-8")
        ended = there("undo", str(bundle), "--approve", "change", status=3)
        assert len(ended.error_lines) == 1 and ended.err.count("ProxyCommand") == 2
        forger.settimeout(0.1)
        with pytest.raises(TimeoutError):
            forger.accept()
    path.write_bytes(whole)
    there.client.config.write_text(config, encoding="utf-8")


def refuse_other_engine(there: Irkit, bundle: Path, site: Site, hosts: ThreeHosts) -> None:
    """A host that by now is another one, in the responder's own inventory: nothing is done there."""
    assert there.client
    write_inventory(there.client, hosts, inner=hosts.jump)
    ended = there("undo", str(bundle), "inner/spare", "--approve", "change", status=1)
    told = ended.out + ended.err
    assert "another engine answers for host inner" in told
    assert site.engine_id("jump") in told and site.engine_id("inner") in told
    (there.client.home / ".config/irkit/hosts.yml").unlink()


def test_a_host_that_is_cut_off_half_way_is_told_of_and_taken_back_later(site: Site, cut: Cut) -> None:
    irkit = cut.irkit
    assert cut.wait() == 1
    (bundle,) = irkit.evidence.glob("irb-*")
    check_events([*cut.before, *cut.after])
    check_partial(site, bundle)
    assert irkit("verify", str(bundle)).status == 0
    shown = irkit("show", str(bundle)).out
    assert "STILL CHANGED" in shown and "changed   other/big: pause: done" in shown
    assert "FAILED    other/big disk: " in shown and "FAILED    host other host: " in shown

    first = irkit("undo", str(bundle), "--approve", "change", status=1)
    assert "REFUSED other/" in first.err and "does not answer" in first.err and "STILL CHANGED" in first.out
    assert site.changed("jump/web", "inner/web") == []
    assert site.is_contained("other/big")

    site.hosts["other"].link_up()
    assert undo(irkit, bundle)["to_undo"] == 0
    assert site.changed() == []
    assert "nothing is left" in irkit("undo", str(bundle)).out


def check_events(told: Events) -> None:
    """The other hosts finished all of theirs, and did not wait for the loss to be noticed."""
    failed = [one for one in told if one["event"] == "operation-failed"]
    assert {one["host"] for one in failed} == {"other"}
    first = told.index(failed[0])
    later = [one for one in told[first:] if one.get("host") in ("jump", "inner")]
    assert {one["event"] for one in later} <= {"footprint-left"}, "which all hosts have at the end of the run"
    ends = [one for one in failed if one["final"]]
    assert "disk" in {one["step"] for one in ends} and all(one["took_hold"] == "no" for one in failed), failed
    for host in ("jump", "inner"):
        mine = [one["event"] for one in told if one.get("host") == host]
        assert mine.count("operation-started") == mine.count("operation-finished") > 8
    assert told[-1]["event"] == "run-finished" and told[-1]["outcome"] == "done"


def check_partial(site: Site, bundle: Path) -> None:
    """What was being read when the host was lost is partial, and says why; all else is whole."""
    partial = {one["path"]: one["partial"] for one in items(bundle) if one["partial"]}
    place = f"data/other/big-{site.before['other/big']['Id'][:8]}/export/"
    assert set(partial) == {f"{place}rootfs.tar.zst", f"{place}rootfs.index.jsonl.zst"}
    assert all("connection" in reason for reason in partial.values())
    (archive,) = [one for one in items(bundle) if one["path"] == f"{place}rootfs.tar.zst"]
    assert 0 < archive["source_size"] < 300 * 2**20
    assert set(described(bundle, "bundle.json")["payload"]["partial"]) == set(partial)
    assert not described(bundle, "bundle.json")["clean"]


def test_a_host_that_its_hop_does_not_reach_is_told_of_as_any_other(site: Site, irkit: Irkit) -> None:
    """The hop would wait for it for minutes, and go on answering all the while."""
    site.hosts["inner"].link_down()
    try:
        ended = irkit("ls", "-H", "jump,inner", status=1)
    finally:
        site.hosts["inner"].link_up()
    assert "does not answer the hop before it" in ended.out and "jump " in ended.out
