"""What verbs show of several hosts, and how they end where some fail."""

import re
from pathlib import Path
from typing import Any

import pytest

from irkit.core.container import Mount
from irkit.core.errors import HostState, UnreachableError
from tests.acceptance.terminal import obeyed
from tests.app.hosts_in_memory import Place, Silent, fails, one_each
from tests.cli.hosts_in_memory import irkit
from tests.engine.world import container
from tests.lab.counting import wait_until

UNKNOWN = UnreachableError("its key is not recorded: irkit hosts trust c@x", HostState.KEY_UNKNOWN)
CHOSEN = ("-H", "a@x,b@x", "-H", "c@x")


def place(**more: Any) -> Place:
    return Place({**one_each("a@x"), "b@x": []}, special={"c@x": fails(UNKNOWN)}, **more)


def rows(lines: list[str]) -> dict[str, str]:
    """The rows of a table by their first cell."""
    return {line.split()[0]: line for line in lines[1:] if not line.startswith(" ")}


def test_a_list_of_several_hosts_has_a_row_for_each_container_and_each_host_without() -> None:
    ended = irkit(place(), "ls", *CHOSEN)
    assert ended.status == 1 and ended.err == "irkit: 1 of 3 hosts could not be reached\n"
    assert ended.lines[0].split() == ["HOST", "ID", "NAME", "STATE", "IMAGE", "AGE", "NETWORKS", "PORTS"]
    found = rows(ended.lines)
    assert set(found) == {"a@x", "b@x", "c@x"}
    assert re.search(r"[0-9a-f]{12}  on-a@x +running +app:1 +bridge", found["a@x"])
    assert re.search(r"-  +-  +up +no containers", found["b@x"])
    assert re.search(r"-  +-  +host key unknown +its key is not recorded: irkit hosts trust c@x", found["c@x"])


def test_columns_stand_where_the_head_does() -> None:
    ended = irkit(Place(one_each("a@x", "b@x")), "ls", "-H", "a@x,b@x")
    assert ended.status == 0 and ended.err == ""
    starts = [re.search(r"STATE|running", line).start() for line in ended.lines]  # type: ignore[union-attr]
    assert len(set(starts)) == 1


def test_a_list_as_json_has_failures_as_objects() -> None:
    ended = irkit(place(), "ls", *CHOSEN, "--json")
    assert ended.status == 1
    first, second = ended.json
    assert (first["host"], first["name"]) == ("a@x", "on-a@x")
    assert second == {"host": "c@x", "state": "host key unknown", "error": UNKNOWN.reason}


def test_where_no_host_is_reached_it_is_three() -> None:
    dead = Place(special={"a@x": fails(UNKNOWN), "b@x": fails(UNKNOWN)})
    for words in ("ls -H a@x,b@x", "ls -H a@x,b@x --json", "ls -H a@x,b@x all", "hosts check a@x b@x"):
        ended = irkit(dead, *words.split())
        assert ended.status == 3 and ended.error == "none of the 2 hosts could be reached"
        assert "a@x" in ended.out and "b@x" in ended.out


def test_a_list_of_one_host_is_as_it_always_was() -> None:
    ended = irkit(place(), "ls", "-H", "a@x")
    assert ended.status == 0 and ended.lines[0].split()[0] == "ID"
    ended = irkit(place(), "ls", "-H", "c@x", "--json")
    assert ended.status == 3 and ended.error == UNKNOWN.reason
    assert ended.json == [{"host": "c@x", "state": "host key unknown", "error": UNKNOWN.reason}]
    assert irkit(place(), "ls", "-H", "c@x").out == ""


def test_the_list_is_limited_on_all_hosts() -> None:
    both = Place({"a@x": [container("web", host="a@x")], "b@x": [container("db", host="b@x")]})
    ended = irkit(both, "ls", "-H", "a@x,b@x", "db")
    assert ended.status == 0 and set(rows(ended.lines)) == {"b@x"}
    assert irkit(both, "ls", "-H", "a@x,b@x", "nothing").status == 3
    same = Place({name: [container("web", host=name)] for name in ("a@x", "b@x")})
    assert irkit(same, "ls", "-H", "a@x,b@x", "web").status == 2
    assert irkit(same, "ls", "-H", "a@x,b@x", "a@x/web").status == 0


def test_a_list_does_not_wait_for_a_silent_host(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Place(one_each("a@x", "b@x"), special={"c@x": Silent})
    told: list[str] = []

    def echo(message: str = "", **how: Any) -> None:
        told.append(message)
        if "  on-" not in message:
            return
        assert wait_until(lambda: "c@x" in slow.opened)  # its thread may be the last to begin
        silent = slow.opened["c@x"]
        assert isinstance(silent, Silent) and not silent.is_closed.is_set()
        if sum("  on-" in line for line in told) == 2:
            silent.is_closed.set()  # now it answers

    monkeypatch.setattr("click.echo", echo)
    assert irkit(slow, "ls", *CHOSEN).status == 0
    assert "c@x" in told[-1]


def test_hostile_reasons_and_names_reach_no_terminal() -> None:
    evil = UnreachableError("\x1b[2J\u202e\r\nroot: ok", HostState.DOWN)
    bad = Place({"a@x": [container("w\x1b[31m", host="a@x", image="\x9b2J")]}, special={"b@x": fails(evil)})
    for words in (("ls", "-H", "a@x,b@x"), ("inspect", "all", "-H", "a@x,b@x"), ("hosts", "check", "a@x", "b@x")):
        ended = irkit(bad, *words)
        assert obeyed(ended.out + ended.err) == set(), words


def test_facts_come_from_all_hosts_and_failures_with_them() -> None:
    ended = irkit(place(), "inspect", "all", *CHOSEN)
    assert ended.status == 1 and "on-a@x" in ended.out
    assert ended.err.splitlines()[0] == f"irkit: host c@x: {UNKNOWN.reason}"
    ended = irkit(place(), "inspect", "all", *CHOSEN, "--json")
    assert [one.get("name", one.get("state")) for one in ended.json] == ["on-a@x", "host key unknown"]


def test_what_the_checks_find_is_shown_with_the_facts() -> None:
    mount = Mount(kind="bind", source="/\x1b[2J", destination="/host")
    bad = Place({"a@x": [container("bad", host="a@x", privileged=True, mounts=(mount,))]})
    ended = irkit(bad, "inspect", "bad", "-H", "a@x")
    assert ended.status == 0 and obeyed(ended.out) == set()
    found = [" ".join(line.split()[1:]) for line in ended.lines if line.startswith("finding")]
    assert [line.partition(":")[0] for line in found] == ["high", "medium", "low"]
    assert found[0].endswith("take the host over (exposure.privileged)")
    answers = [line.split()[1] for line in ended.lines if line.startswith("answer")]
    assert answers == ["contain-and-preserve", "contain-and-preserve", "triage"]
    (one,) = irkit(bad, "inspect", "bad", "-H", "a@x", "--json").json
    assert one["flags"] == "P..W.U" and one["privileged"] is True and "environment" not in one
    assert [finding["severity"] for finding in one["findings"]] == ["high", "medium", "low"]
    assert [finding["answer"] for finding in one["findings"]] == answers
    assert one["findings"][1]["because"] == ["writable mount of /\x1b[2J on /host"]


def test_a_plan_shows_its_hosts_and_what_is_refused(tmp_path: Path) -> None:
    dead = Place(one_each("a@x", "b@x"), special={"c@x": fails(UNKNOWN)})
    ended = irkit(dead, "plan", "isolate", "all", *CHOSEN, evidence=tmp_path)
    assert ended.status == 1
    assert any(line.split() == ["HOST", "ADDRESS", "ROUTE", "HOST", "KEY", "ENGINE"] for line in ended.lines)
    assert "! host c@x is left out" in ended.lines and f"REFUSED host c@x: {UNKNOWN.reason}" in ended.lines
    assert any(" a@x/on-a@x " in line and "CHANGE" in line for line in ended.lines)


def test_a_run_names_the_host_of_every_container(tmp_path: Path) -> None:
    dead = Place(one_each("a@x", "b@x"), special={"c@x": fails(UNKNOWN)})
    ended = irkit(dead, "run", "isolate", "all", *CHOSEN, "--approve", "change", evidence=tmp_path)
    assert ended.status == 1
    assert re.search(r"Z  run [0-9a-f]{12} of isolate on 2 container\(s\) of 2 hosts$", ended.err, re.MULTILINE)
    assert re.search(rf"Z  host c@x REFUSED: {re.escape(UNKNOWN.reason)}$", ended.err, re.MULTILINE)
    for host in ("a@x", "b@x"):
        assert re.search(rf"Z  {host}/on-{host} cut-off: disconnect .*: done", ended.err)
        assert re.search(rf"^changed   {host}/on-{host}: ", ended.out, re.MULTILINE)
    assert re.search(rf"^REFUSED   host c@x: {re.escape(UNKNOWN.reason)}$", ended.out, re.MULTILINE)
    assert "STILL CHANGED: 2 operation(s)" in ended.out


def test_an_undo_that_leaves_a_host_says_what_is_still_changed(tmp_path: Path) -> None:
    both = Place(one_each("a@x", "b@x"))
    done = irkit(both, "run", "isolate", "all", "-H", "a@x,b@x", "--approve", "change", "--json", evidence=tmp_path)
    bundle, run = done.json["bundle"], done.json["run"]
    assert done.status == 0 and done.json["to_undo"] == 2
    was = both.opened.pop("b@x")
    both.special = {"b@x": fails(UNKNOWN)}
    ended = irkit(both, "undo", bundle, "--approve", "change", evidence=tmp_path)
    assert ended.status == 1
    assert "REFUSED   b@x/" in ended.out and f"host b@x: {UNKNOWN.reason}" in ended.out
    assert f"STILL CHANGED: 1 operation(s) to take back: irkit undo {run[:12]}" in ended.lines
    both.opened["b@x"] = was
    ended = irkit(both, "undo", bundle, "--approve", "change", "--json", evidence=tmp_path)
    assert ended.status == 0 and ended.json["to_undo"] == 0 and ended.json["refused"] == []


def test_an_approval_says_on_how_many_hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.isatty", lambda descriptor: True)
    both = Place(one_each("a@x", "b@x"))
    ended = irkit(both, "run", "isolate", "all", "-H", "a@x,b@x", evidence=tmp_path, typed="no\n")
    assert ended.status == 2 and "This will change 2 container(s) on 2 hosts. Type change 2 to go on" in ended.err


ANSIBLE = """
[web]
a ansible_ssh_private_key_file=/k
b ansible_host="{{ foo }}"
"""
REASON = "the inventory leaves host b out: its ansible_host is a template, and irkit evaluates none"


@pytest.fixture
def ansible(tmp_path: Path) -> str:
    (tmp_path / "inv.ini").write_text(ANSIBLE)
    return str(tmp_path / "inv.ini")


@pytest.mark.parametrize(
    "words", ["ls -H group:web", "ls -H group:web all", "hosts check group:web", "hosts check", "inspect all -H all"]
)
def test_a_host_that_the_inventory_leaves_out_is_a_row_and_notes_are_told(ansible: str, words: str) -> None:
    both = Place(one_each("a"))
    ended = irkit(both, *words.split(), "--inventory", ansible, "--json")
    assert ended.status == 1 and set(both.opened) == {"a"}
    assert ended.json[-1] == {"host": "b", "state": "left out", "error": REASON}
    assert "note: a: ansible_ssh_private_key_file is not used" in ended.err
    assert "1 of 2 hosts could not be reached" in ended.err


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_host_that_the_inventory_leaves_out_is_refused(ansible: str, tmp_path: Path, verb: str) -> None:
    words = (verb, "isolate", "all", "-H", "group:web", "--inventory", ansible)
    approved = ("--approve", "change") if verb == "run" else ()
    ended = irkit(Place(one_each("a")), *words, *approved, evidence=tmp_path)
    assert ended.status == 1 and "note: a: ansible_ssh_private_key_file is not used" in ended.err
    assert re.search(rf"REFUSED +host b: {re.escape(REASON)}", ended.out)


def test_an_undo_tells_notes_on_its_hosts(ansible: str, tmp_path: Path) -> None:
    place = Place(one_each("a"))
    words = ("run", "isolate", "all", "-H", "a", "--inventory", ansible, "--approve", "change", "--json")
    bundle = irkit(place, *words, evidence=tmp_path).json["bundle"]
    ended = irkit(place, "undo", bundle, "--inventory", ansible, "--dry-run", evidence=tmp_path)
    assert ended.status == 0 and "note: a: ansible_ssh_private_key_file is not used" in ended.err
    Path(ansible).write_text(ANSIBLE.replace("a ansible", "a ansible_port={{x}} ansible"))
    ended = irkit(place, "undo", bundle, "--inventory", ansible, "--dry-run", evidence=tmp_path)
    assert "note: the inventory leaves host a out: its ansible_port is a template" in ended.err
    assert "it is looked for as if the inventory did not have it" in ended.err


# irkit hosts ------------------------------------------------------------------------------------------------------


def test_a_check_has_a_row_for_each_host() -> None:
    ended = irkit(place(), "hosts", "check", "a@x", "b@x", "c@x")
    assert ended.status == 1
    assert ended.lines[0].split() == [
        "HOST",
        "STATE",
        "PING",
        "ROUTE",
        "ENGINE",
        "API",
        "STORAGE",
        "RUNNING",
        "FREE",
        "CLOCK",
    ]
    found = rows(ended.lines)
    assert "memory" in found["a@x"] and "1/1" in found["a@x"] and "0/0" in found["b@x"]
    assert f"host key unknown  {UNKNOWN.reason}" in found["c@x"]


def test_a_check_as_json_is_a_list_in_the_order_asked_for() -> None:
    ended = irkit(place(), "hosts", "check", "c@x,a@x", "--json")
    failed, well = ended.json
    assert ended.status == 1
    assert failed == {"host": "c@x", "state": "host key unknown", "error": UNKNOWN.reason}
    assert (well["host"], well["state"], well["running"]) == ("a@x", "up", 1)


def test_a_check_of_nobody_is_of_the_inventory_or_of_this_machine(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("hosts:\n  - {name: a}\n  - {name: b}\n")
    everywhere = Place(one_each("a", "b", "local"))
    ended = irkit(everywhere, "hosts", "check", "--inventory", str(inventory), "--json")
    assert [one["host"] for one in ended.json] == ["a", "b"]


def test_hosts_are_listed_without_asking_any(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(
        "hosts:\n  - {name: a, address: 10.0.0.1, user: ana, port: 2222, groups: [web], labels: {site: oslo}}\n"
    )
    nobody = Place()
    for words in (("hosts", "list"),):
        ended = irkit(nobody, *words, "--inventory", str(inventory))
        assert ended.status == 0 and not nobody.opened
        assert rows(ended.lines)["a"].split() == [
            "a",
            "inventory",
            "ssh",
            "10.0.0.1",
            "ana",
            "2222",
            "web",
            "site=oslo",
        ]
        assert "local" in rows(ended.lines)
    listed = irkit(nobody, "hosts", "list", "--inventory", str(inventory), "--json").json
    assert [(one["kind"], one["name"]) for one in listed][:2] == [("local", "local"), ("inventory", "a")]


def test_a_host_is_added_with_all_that_is_said_of_it(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    words = ("edge", "ana@10.0.0.8", "--port", "2222", "--jump", "gate", "--socket", "/run/x.sock", "--sudo")
    more = ("--label", "site=oslo", "--group", "edge", "--group", "web", "--inventory", str(inventory))
    ended = irkit(Place(), "hosts", "add", *words, *more)
    assert ended.status == 0 and ended.out == f"added edge to {inventory}\n"
    (_, host) = irkit(Place(), "hosts", "list", "--inventory", str(inventory), "--json").json[:2]
    assert (host["address"], host["user"], host["port"], host["jump"]) == ("10.0.0.8", "ana", 2222, "gate")
    assert (host["socket"], host["sudo"], host["groups"]) == ("/run/x.sock", True, ["edge", "web"])
    assert host["labels"] == {"site": "oslo"}
    assert irkit(Place(), "hosts", "add", *words, *more).status == 2, "the name is taken"
    assert irkit(Place(), "hosts", "add", "x", "--label", "nonsense").status == 2
