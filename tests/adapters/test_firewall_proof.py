"""What nft lists against what it was given: nothing but the same passes."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from irkit.adapters.firewall_proof import difference, names
from irkit.adapters.firewall_rules import Table, bridge_tables, namespace_tables, rules_text, veth_tables
from irkit.core.allowed import parse_all
from tests.lab.setup import ensure_packages
from tests.lab.tools import tool

NAME = "irkit_01234567_0123456789ab"
ALLOW = parse_all(["10.0.0.0/8", "10.1.2.3:443/tcp", "[2001:db8::5]:22/udp"])
EACH = [*namespace_tables(NAME, ALLOW, ["lo"]), *veth_tables(NAME, (), ["lo"]), *bridge_tables(NAME, ALLOW, "irk01")]


def listing(table: Table) -> dict[str, Any]:
    """What the real nft lists of a table that it was given, in a network namespace of its own."""
    ensure_packages()
    lists = f'"$0" -f - && "$0" -j list table {table.family} {table.name}'
    argv = [tool("unshare"), "--net", "/bin/sh", "-c", lists, tool("nft")]
    done = subprocess.run(argv, input=rules_text([table]).encode(), capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.engine
@pytest.mark.parametrize("table", EACH, ids=lambda table: f"{table.family} {len(table.chains)}")
def test_what_the_real_nft_lists_is_recognised(table: Table) -> None:
    assert difference(table, json.dumps(listing(table))) == ""


def without(kind: str, number: int) -> Callable[[list[dict[str, Any]]], None]:
    def change(things: list[dict[str, Any]]) -> None:
        things.remove([one for one in things if kind in one][number])

    return change


def altered(kind: str, number: int, key: str, value: object) -> Callable[[list[dict[str, Any]]], None]:
    def change(things: list[dict[str, Any]]) -> None:
        [one for one in things if kind in one][number][kind][key] = value

    return change


@pytest.mark.engine
@pytest.mark.parametrize(
    "change",
    [
        without("table", 0),
        without("chain", 1),
        without("rule", -1),
        without("rule", 0),
        altered("table", 0, "name", "other"),
        altered("chain", 0, "hook", "prerouting"),
        altered("chain", 0, "prio", 0),
        altered("rule", -1, "expr", [{"counter": {}}, {"accept": None}]),
        altered("rule", -1, "expr", [{"match": {}}, {"counter": {}}, {"drop": None}]),
        altered("rule", -1, "chain", "other"),
        altered("rule", 0, "expr", []),
    ],
)
def test_what_is_not_as_it_was_given_is_told(change: Callable[[list[dict[str, Any]]], None]) -> None:
    table = namespace_tables(NAME, ALLOW)[0]
    found = listing(table)
    change(found["nftables"])
    assert difference(table, json.dumps(found))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"nftables": 1}', '{"nftables": [1]}', '{"nftables": [{"a": 1}]}']
)
def test_what_makes_no_sense_proves_nothing(text: str) -> None:
    assert difference(EACH[0], text) == "nft lists its rules in a way that is not understood"
    with pytest.raises(ValueError, match="not understood"):
        names(text, ["inet"])


def test_tables_are_listed_by_family_and_name() -> None:
    tables = [{"metainfo": {}}, {"table": {"family": "inet", "name": "a"}}, {"table": {"family": "ip", "name": "b"}}]
    assert names(json.dumps({"nftables": tables}), ["inet"]) == {("inet", "a")}
