"""Whether nft lists what it was given: tables, where their chains hang, and the verdict of each rule in order."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from irkit.adapters.firewall_rules import FIRST, RAW, Chain, Table

_VERDICTS: Final = ("accept", "drop", "jump")
Listed = dict[tuple[str, str], dict[str, Any]]


def difference(table: Table, listing: str) -> str:
    """What of a table is not as it was given, in a line; empty where all is. `listing` is the JSON of `nft -j list`."""
    try:
        found = list(_things(listing))
    except (msgspec.DecodeError, TypeError, AttributeError, KeyError, ValueError):
        return "nft lists its rules in a way that is not understood"
    if not any(kind == "table" and _is_of(table, one, "name") for kind, one in found):
        return f"table {table.family} {table.name} is not there"
    hooks = {one.get("name"): one for kind, one in found if kind == "chain" and _is_of(table, one, "table")}
    if set(hooks) != {chain.name for chain in table.chains}:
        return f"table {table.name} has other chains"
    for chain in table.chains:
        rules = [one for kind, one in found if kind == "rule" and _is_of(table, one, "table")]
        verdicts = [_verdict(one) for one in rules if one.get("chain") == chain.name]
        if not _hangs_right(chain, hooks[chain.name]) or verdicts != [_wanted(rule) for rule in chain.rules]:
            return f"chain {chain.name} of table {table.name} is not as it was given"
    return ""


def names(listing: str, families: Sequence[str]) -> set[tuple[str, str]]:
    """The tables of those families in the JSON of `nft -j list tables`, as family and name. Raises ValueError."""
    try:
        found = [one for kind, one in _things(listing) if kind == "table" and one.get("family") in families]
        return {(str(one["family"]), str(one["name"])) for one in found}
    except (msgspec.DecodeError, TypeError, AttributeError, KeyError) as error:
        raise ValueError("nft lists its tables in a way that is not understood") from error


def _things(listing: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is listed, each with its kind."""
    for entry in msgspec.json.decode(listing)["nftables"]:
        for kind, one in entry.items():
            yield str(kind), dict(one)


def _is_of(table: Table, one: dict[str, Any], key: str) -> bool:
    return one.get("family") == table.family and one.get(key) == table.name


def _hangs_right(chain: Chain, found: dict[str, Any]) -> bool:
    """Whether it hangs where it should; how devices are listed differs from one nft to the next."""
    if not chain.hook:
        return "hook" not in found
    return found.get("hook") == chain.hook and found.get("prio") == (RAW if chain.devices else FIRST)


def _wanted(rule: str) -> tuple[str, bool]:
    """A rule's verdict, and whether it is for everything."""
    words = rule.split()
    verdict = next(word for word in reversed(words) if word in _VERDICTS)
    return verdict, words == ["counter", "drop"]


def _verdict(rule: dict[str, Any]) -> tuple[str, bool]:
    """The same of a rule as listed."""
    kinds = [str(next(iter(one))) for one in rule["expr"]]
    last = kinds[-1] if kinds else ""
    return last, kinds == ["counter", "drop"]
