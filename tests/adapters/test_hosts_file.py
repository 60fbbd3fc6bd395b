"""irkit's own hosts.yml: what its entries and defaults mean, and everything that is wrong with it, with its line."""

from pathlib import Path

import pytest

from irkit.adapters.hosts_file import problems_in, read_hosts
from irkit.adapters.yaml_document import read_document
from irkit.core.errors import PlaybookError
from irkit.core.host import Host


def hosts(text: str, folder: str = "/etc/irkit") -> dict[str, Host]:
    return {host.name: host for host in read_hosts(text.encode(), "hosts.yml", Path(folder))}


def problems(text: str) -> list[str]:
    return [str(one).removeprefix("hosts.yml:") for one in problems_in(read_document(text.encode(), "hosts.yml"))]


def only_problem(text: str) -> str:
    (one,) = problems(text)
    return one


# What entries mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("name: web1", Host(name="web1", address="web1", reach="ssh")),
        ("name: web1, address: 10.0.0.5", Host(name="web1", address="10.0.0.5", reach="ssh")),
        ("name: web1, address: '[::1]', port: 22", None),
        ("name: web1, address: 'fe80::1%eth0'", Host(name="web1", address="fe80::1%eth0", reach="ssh")),
        (
            "name: root@10.0.0.5:2222",
            Host(name="root@10.0.0.5:2222", address="10.0.0.5", reach="ssh", user="root", port=2222),
        ),
        ("name: a@b, user: c, port: 7", Host(name="a@b", address="b", reach="ssh", user="c", port=7)),
        ("name: web1, sudo: true, socket: /x", Host(name="web1", address="web1", reach="ssh", sudo=True, socket="/x")),
        ("name: here, reach: local, socket: /x", Host(name="here", reach="local", socket="/x")),
        ("name: 127.0.0.1, reach: tcp", Host(name="127.0.0.1", address="127.0.0.1", reach="tcp")),
        ("name: e.org, reach: tcp, tls: /x", Host(name="e.org", address="e.org", reach="tcp", tls="/x")),
        ("name: e.org, reach: tcp, tls: x/y", Host(name="e.org", address="e.org", reach="tcp", tls="/etc/irkit/x/y")),
        (
            "name: a, labels: {k: v}, groups: [g, h]",
            Host(name="a", address="a", reach="ssh", labels={"k": "v"}, groups=("g", "h")),
        ),
    ],
)
def test_an_entry_is_this_host(entry: str, host: Host | None) -> None:
    text = f"hosts: [{{{entry}}}]"
    if host is None:
        assert "an address has no user and no port" in only_problem(text)
    else:
        assert read_hosts(text.encode(), "hosts.yml", Path("/etc/irkit")) == (host,)


def test_a_folder_in_the_responders_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    assert hosts("hosts: [{name: a, reach: tcp, tls: ~/certs}]")["a"].tls == "/home/ana/certs"


@pytest.mark.parametrize("text", ["hosts:\n", "hosts: []\n", "defaults: {user: x}\nhosts:\n"])
def test_a_file_may_have_no_hosts_yet(text: str) -> None:
    assert hosts(text) == {}


def test_defaults_hold_where_an_entry_does_not_say_otherwise() -> None:
    found = hosts("""
defaults: {user: root, port: 2222, jump: gw.example.org, socket: /d, sudo: true, labels: {a: d, b: d}, groups: [g, h]}
hosts:
  - {name: web}
  - {name: own, user: me, port: 22, jump: "", socket: /o, sudo: false, labels: {a: o, c: o}, groups: [h, i]}
  - {name: bare, user: "", port: 0, socket: ""}
  - {name: here, reach: local}
  - {name: e.org, reach: tcp, tls: /x}
""")
    assert found["web"] == Host(
        name="web", address="web", reach="ssh", user="root", port=2222, jump="gw.example.org", socket="/d", sudo=True,
        labels={"a": "d", "b": "d"}, groups=("g", "h"),
    )  # fmt: skip
    assert found["own"] == Host(
        name="own", address="own", reach="ssh", user="me", port=22, socket="/o",
        labels={"a": "o", "b": "d", "c": "o"}, groups=("g", "h", "i"),
    )  # fmt: skip
    assert (found["bare"].user, found["bare"].port, found["bare"].socket) == ("", 0, "")
    labels, groups = {"a": "d", "b": "d"}, ("g", "h")
    assert found["here"] == Host(name="here", reach="local", socket="/d", sudo=True, labels=labels, groups=groups)
    assert found["e.org"] == Host(name="e.org", address="e.org", reach="tcp", tls="/x", labels=labels, groups=groups)


# Hops ------------------------------------------------------------------------------------------------------------


def test_hops_that_are_entries_become_their_addresses_with_the_way_to_the_first() -> None:
    found = hosts("""
hosts:
  - {name: outer, address: 10.0.0.1, user: root, port: 2222, jump: "me@first.example.org:22"}
  - {name: inner, address: 10.0.0.2, jump: outer}
  - {name: web, jump: inner}
  - {name: both, jump: "outer, inner"}
  - {name: last, jump: "alias,outer"}
""")
    assert found["inner"].jump == "me@first.example.org:22,root@10.0.0.1:2222"
    assert found["web"].jump == "me@first.example.org:22,root@10.0.0.1:2222,10.0.0.2"
    assert found["both"].jump == "me@first.example.org:22,root@10.0.0.1:2222,10.0.0.2"
    assert found["last"].jump == "alias,root@10.0.0.1:2222"


def test_the_hops_of_the_defaults_are_not_reached_through_themselves() -> None:
    found = hosts("defaults: {jump: 'one,two', user: me}\nhosts: [{name: one}, {name: two}, {name: web}]")
    assert {name: host.jump for name, host in found.items()} == {"one": "", "two": "me@one", "web": "me@one,me@two"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hosts: [{name: a, jump: a}]", "1:25: hosts[0].jump: the way goes in circles: 'a' is reached through itself"),
        ("hosts: [{name: a, jump: x, user: y}, {name: b, jump: 'a,b'}]", "'b' is reached through itself"),
        ("hosts: [{name: a, jump: here}, {name: here, reach: local}]", "'here' cannot be gone through"),
        ("hosts: [{name: a, jump: 'x,,y'}]", "hosts[0].jump: jump: "),
        ("hosts: [{name: a, jump: '-oProxyCommand=x'}]", "neither a name nor an IP address"),
        ("hosts: [{name: a, jump: '$(id)@x'}]", "not a user's name"),
        ("hosts: [{name: a, jump: 'x:y'}]", "the port must be a number"),
        ("hosts: []\ndefaults: {jump: 'x:y'}", "2:18: defaults.jump: jump: 'x:y': the port must be"),
        ("hosts: [{name: a, jump: '" + ",".join("h" * 17) + "'}]", "more than 16 hops"),
    ],
)
def test_hops_that_lead_nowhere_are_refused(text: str, words: str) -> None:
    assert words in only_problem(text)


def test_circles_of_several_entries_are_refused_at_each_of_them() -> None:
    found = problems("hosts: [{name: a, jump: b}, {name: b, jump: c}, {name: c, jump: a}, {name: d, jump: a}]")
    assert len(found) == 4
    assert all("goes in circles" in one for one in found)


def test_a_long_line_of_hops_ends() -> None:
    text = "hosts:\n" + "".join(f"  - {{name: h{number}, jump: h{number + 1}}}\n" for number in range(1000))
    assert "more than 16 hops" in problems(text)[0]


# Problems --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- web1", "1:1: a file of hosts is a mapping with hosts, and under it a list of entries"),
        ("web1", "1:1: a file of hosts is a mapping with hosts, and under it a list of entries"),
        ("defaults: {}", "1:1: key hosts is missing"),
        ("hosts: {a: b}", "1:8: hosts: must be a list, not a mapping"),
        ("hosts: [web1]", "1:9: hosts[0]: must be a mapping"),
        ("hosts: [{address: x}]", "1:9: hosts[0]: key name is missing"),
        ("hosts: [{name: x, adress: y}]", "1:19: hosts[0].adress: unknown key 'adress': did you mean address?"),
        ("host: []\nhosts: []", "1:1: host: unknown key 'host': did you mean hosts?"),
        (
            "hosts: [{name: x, password: hunter2}]",
            "1:19: hosts[0].password: irkit keeps no passwords: leave it out, it asks",
        ),
        (
            "hosts: [{name: 7}]",
            "1:16: hosts[0].name: must be text such as web1, db.example.org, not the number 7: put it in quotes",
        ),
        (
            "hosts: [{name: x, port: '22'}]",
            "1:25: hosts[0].port: must be a whole number from 0 to 65535: write it without quotes",
        ),
        (
            "hosts: [{name: x, port: 22.0}]",
            "1:25: hosts[0].port: must be a whole number from 0 to 65535, not the number 22.0",
        ),
        ("hosts: [{name: x, port: true}]", "1:25: hosts[0].port: must be a whole number from 0 to 65535, not true"),
        ("hosts: [{name: x, sudo: yes}]", "1:25: hosts[0].sudo: must be true or false: write true"),
        ("hosts: [{name: x, sudo: 'true'}]", "1:25: hosts[0].sudo: must be true or false: write it without quotes"),
        ("hosts: [{name: x, user: null}]", "1:25: hosts[0].user: must be text such as root, responder, not nothing"),
        ("hosts: [{name: x, reach: telnet}]", "1:26: hosts[0].reach: must be one of local, ssh, tcp"),
        ("hosts: [{name: x, groups: web}]", "1:27: hosts[0].groups: must be a list"),
        (
            "hosts: [{name: x, labels: {a: 1}}]",
            "1:31: hosts[0].labels.a: must be text of at most 200 characters, not the number 1: put it in quotes",
        ),
        (
            "hosts: [{name: x, labels: {'a b': c}}]",
            "1:28: hosts[0].labels.a b: the key must be text such as site, owner",
        ),
        (
            "hosts: [{name: all}]",
            "1:16: hosts[0].name: the name all has a meaning of its own: give the host another one",
        ),
        (
            "hosts: [{name: local}]",
            "1:16: hosts[0].name: the name local has a meaning of its own: give the host another one",
        ),
        (
            "hosts: [{name: local, reach: local, socket: /run/x.sock}]",
            "1:16: hosts[0].name: the name local has a meaning of its own: give the host another one",
        ),
        (
            "hosts: [{name: 'group:x', address: x}]",
            "1:16: hosts[0].name: names cannot begin with group:, which has a meaning where hosts are chosen",
        ),
        ("hosts: [{name: x}, {name: x}]", "1:27: hosts[1].name: the name 'x' is used twice: first in line 1"),
        (
            "hosts: [{name: 'a:b:c'}]",
            "1:16: hosts[0].name: 'a:b:c' is not an address: write [IPv6 address]:port: say the address",
        ),
        (
            "hosts: [{name: x, address: r@h:7}]",
            "1:28: hosts[0].address: an address has no user and no port: they go to user and port,"
            " as address: h, user: r, port: 7",
        ),
        (
            "hosts: [{name: x, reach: local, port: 22}]",
            "1:33: hosts[0].port: port has no meaning for a host that is reached by local",
        ),
        ("hosts: [{name: x, tls: /x}]", "1:19: hosts[0].tls: tls has no meaning for a host that is reached by ssh"),
        ("hosts: []\nhosts: []", "2:1: hosts: the key is there twice: first in line 1"),
        ('hosts: [{name: x, user: "a\\u202eb"}]', None),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_do(text: str, problem: str | None) -> None:
    if problem is None:
        assert "hidden character" in problems(text)[0]
    else:
        assert only_problem(text) == problem


@pytest.mark.parametrize("address", ["10.0.0.9", "engine.example.org"])
def test_an_engine_elsewhere_without_tls_is_refused(address: str) -> None:
    text = f"hosts: [{{name: x, reach: tcp, address: {address}}}]"
    assert f"hosts[0].address: tcp to {address} without TLS is refused" in only_problem(text)


@pytest.mark.parametrize(
    "entry", ["user: 'root:hunter2'", "address: 'root:hunter2@x'", "jump: 'root:hunter2@x'", "socket: hunter2"]
)
def test_a_value_that_may_hold_a_password_is_not_repeated(entry: str) -> None:
    assert "hunter2" not in only_problem(f"hosts: [{{name: x, {entry}}}]")


def test_all_problems_are_found_in_the_order_of_their_lines() -> None:
    found = problems("hosts:\n- {name: all, prot: 1}\n- 7\n- {name: x, sudo: on}\n- {name: x}\ndefault: {}\n")
    assert [one.split(":")[0] for one in found] == ["2", "2", "3", "4", "5", "6"]


def test_the_first_problem_is_raised_and_says_how_many_more_there_are() -> None:
    with pytest.raises(PlaybookError) as caught:
        hosts("hosts:\n- {name: all}\n- 7\n- 8\n")
    assert str(caught.value) == (
        "hosts.yml:2:10: hosts[0].name: the name all has a meaning of its own: give the host another one"
        " (and 2 more problems)"
    )


SHAPES = ["7", "null", "[]", "{}", "text", "true", "[[]]", "{a: {}}", "['']"]


@pytest.mark.parametrize("shape", SHAPES)
def test_values_of_any_shape_are_problems_and_not_failures(shape: str) -> None:
    keys = ("name", "address", "reach", "user", "port", "jump", "socket", "sudo", "labels", "groups", "tls")
    for key in keys:
        problems(f"hosts: [{{{key}: {shape}}}, {{name: a, jump: b, {key}: {shape}}}, {{name: b, jump: a}}]")
        problems(f"hosts: [{{name: a, jump: b}}, {{name: b}}]\ndefaults: {{{key}: {shape}}}")
    assert problems(f"hosts: [{{address: {shape}}}]")
    problems(f"hosts: {shape}")
    problems(f"hosts: [{{name: a}}]\ndefaults: {shape}")
