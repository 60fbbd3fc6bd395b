"""Inventories are told apart by what they hold, and a file that is none is refused in one line."""

import os
from pathlib import Path

import pytest

from irkit.adapters.inventory import Inventory, find_inventory_problems, load_inventory, parse_address
from irkit.core.errors import PlaybookError, UsageError
from irkit.core.host import Host

WEB1 = Host(name="web1", address="web1", reach="ssh")
NAMES = ["hosts.yml", "hosts.ini", "hosts", "hosts.json"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hosts.yml"


def load(path: Path, content: str | bytes) -> Inventory:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_inventory(path)


def refused(path: Path, content: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        load(path, content)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("hosts:\n  - name: web1\n", "irkit"),
        ("hosts: [{name: web1}]\n", "irkit"),
        ('{"hosts": [{"name": "web1"}]}', "irkit"),
        ("# mine\n---\ndefaults: {port: 0}\nhosts: [{name: web1}]\n", "irkit"),
        ("web1\n", "ansible-ini"),
        ("; mine\n\nweb1   # x: y\n", "ansible-ini"),
        ("web1 note='a: b'\n", "ansible-ini"),
        ("web1 x=y: z=1\n", "ansible-ini"),
        ("all:\n  hosts:\n    web1:\n", "ansible-yaml"),
        ("# mine\n---\nall: {hosts: {web1: }}\n", "ansible-yaml"),
        ('{"all": {"hosts": {"web1": {}}}}', "ansible-yaml"),
        ("ungrouped:\n  hosts: web1\n", "ansible-yaml"),
        ("hosts:\n  hosts: {web1: }\n", None),
        ("\ufeffhosts:\n  - name: web1\n", "irkit"),
    ],
)
def test_an_inventory_is_what_it_holds_whatever_it_is_called(
    tmp_path: Path, name: str, content: str, kind: str | None
) -> None:
    found = load(tmp_path / name, content)
    if kind is None:  # a group that is called hosts
        assert found.kind == "ansible-yaml"
        assert found.hosts[0].groups == ("hosts",)
    else:
        assert found == Inventory(hosts=(WEB1,), kind=kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing\n", "---\n# nothing\n", "hosts:\n"])
def test_a_file_without_hosts_is_an_inventory_without_hosts(path: Path, content: str) -> None:
    assert load(path, content) == Inventory(hosts=(), kind="irkit")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("host:\n  - name: web1\n", "hosts.yml:1:1: host: unknown key 'host': did you mean hosts?"),
        ("hosts:\n  web1: {}\n", "hosts.yml:2:3: hosts: must be a list, not a mapping"),
        ("hosts:\n  - name: *x\n", "hosts.yml:2:11: hosts[0].name: anchors (&) and aliases (*) are not allowed"),
        ("hosts:\n\t- name: x\n", "hosts.yml:2:1: the line is indented with a tab"),
        ("- hosts: all\n  tasks: []\n", "hosts.yml:1:1: a file of hosts is a mapping"),
        ("all:\n  hosts: [web1]\n", "hosts of the group 'all' must be a mapping"),
        ("all:\n  hosts: {web1\n", "hosts.yml:3:1: it is not YAML"),
        ("[web\n", "hosts.yml:1: '[web': a range looks like"),
        ("plugin: amazon.aws.aws_ec2\n", "an inventory that a plugin makes is not run"),
        ("#!/usr/bin/env python3\nprint('{}')\n", "a program that makes an inventory is not run"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "encrypted with ansible-vault"),
        (b"hosts:\n  - name: \xff\n", "hosts.yml:2: the file is not text in UTF-8"),
        (b"web1\n" * (1 << 20), "larger than 4 MiB"),
        ("hosts:\n" + "# x\n" * (1 << 19), "larger than 1 MiB"),
        ("hosts: []\n" * 2, "the key is there twice"),
    ],
    ids=lambda value: "" if len(value) > 80 else None,
)
def test_what_is_no_inventory_is_refused_in_one_line(path: Path, content: str | bytes, words: str) -> None:
    assert words in refused(path, content)


def test_a_program_is_not_run_and_told_as_such(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"\x7fELF\0\xff")
    path.chmod(0o755)
    with pytest.raises(UsageError, match="a program that makes an inventory is not run"):
        load_inventory(path)
    path.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    with pytest.raises(UsageError, match="is not run"):
        load_inventory(path)
    assert not (tmp_path / "was-run").exists()


def test_a_list_that_is_marked_as_a_program_by_mistake_is_read(path: Path) -> None:
    path.write_text("web1\n")
    path.chmod(0o755)
    assert load_inventory(path).hosts == (WEB1,)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in [
        ("none", "cannot be read: No such file"),
        (".", "this is a folder: name an inventory in it"),
        ("pipe", "it is not a regular file"),
        ("a\0b", "the path cannot be used"),
    ]:
        with pytest.raises(UsageError, match=words):
            load_inventory(tmp_path / name)


def test_variables_beside_the_inventory_are_told_to_be_unread(path: Path) -> None:
    (path.parent / "group_vars").mkdir()
    (path.parent / "host_vars").mkdir()
    notes = load(path, "web1\n").notes
    assert [note.split()[0] for note in notes] == ["group_vars", "host_vars"]
    assert load(path, "hosts: [{name: web1}]").notes == ()


def test_all_problems_are_found_for_whoever_wants_all(path: Path) -> None:
    path.write_text("hosts:\n- {name: all, prot: 1}\n- 7\n")
    found = find_inventory_problems(path)
    assert [str(one).partition("hosts.yml:")[2].partition(":")[0] for one in found] == ["2", "2", "3"]
    assert all(isinstance(one, PlaybookError) for one in found)
    path.write_text("[web\n")
    assert len(find_inventory_problems(path)) == 1
    path.write_text("hosts: [\n")
    assert len(find_inventory_problems(path)) == 1
    path.write_text("web1\n")
    assert find_inventory_problems(path) == []
    assert len(find_inventory_problems(path / "x")) == 1


def test_addresses_are_read_here_too() -> None:
    assert parse_address("root@web1") == Host(name="root@web1", address="web1", reach="ssh", user="root")
