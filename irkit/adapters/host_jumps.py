"""The entries of `hosts.yml` with its defaults put in, and the hops that lead to each: an entry may name another.

The values may have any shape: what is wrong with them the schema says, and is passed over here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from irkit.adapters.host_address import Endpoint, parse_endpoint
from irkit.adapters.schema_problems import Found
from irkit.core.errors import UsageError
from irkit.core.text import safe

_MOST_HOPS: Final = 16
_ONLY_SSH: Final = ("user", "port", "jump")


class _JumpError(Exception):
    """Why the hops of an entry lead nowhere."""


class Jumps:
    """The entries of a file of hosts, and the way to each."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        entries, defaults = value.get("hosts"), value.get("defaults")
        self.entries: list[dict[str, Any]] = [_mapping(one) for one in entries] if isinstance(entries, list) else []
        """The entries as they stand; an empty one in the place of what is none."""
        self._defaults = _mapping(defaults)
        names = [(one.get("name"), number) for number, one in enumerate(self.entries)]
        self._numbers = {name: number for name, number in reversed(names) if isinstance(name, str)}

    def merged(self, number: int) -> dict[str, Any]:
        """An entry with the defaults that apply to it; labels and groups of both. For a document without problems."""
        entry = self.entries[number]
        reach = entry.get("reach", "ssh")
        ignored = () if reach == "ssh" else _ONLY_SSH
        found = {key: value for key, value in self._defaults.items() if key not in ignored} | entry
        found["labels"] = {**self._defaults.get("labels", {}), **entry.get("labels", {})}
        found["groups"] = list(dict.fromkeys([*self._defaults.get("groups", ()), *entry.get("groups", ())]))
        return found

    def text(self, number: int) -> str:
        """The hops to an entry as a host has them: addresses only, the first one first."""
        return ",".join(self._chain(number, ()))

    def problems(self, number: int) -> Iterator[Found]:
        """What is wrong with the hops to an entry."""
        entry = self.entries[number]
        if entry.get("reach", "ssh") != "ssh" or not isinstance(entry.get("jump", ""), str):
            return
        try:
            self._chain(number, ())
        except _JumpError as error:
            path = ("hosts", number, "jump") if "jump" in entry else ("hosts", number)
            yield Found(path, str(error))

    def default_problems(self) -> Iterator[Found]:
        """What is wrong with the hops that all entries have, also where none has them."""
        try:
            for hop in _hops(self._defaults.get("jump", "")):
                if hop not in self._numbers:
                    _check(hop)
        except _JumpError as error:
            yield Found(("defaults", "jump"), str(error))

    def _own(self, number: int) -> list[str]:
        """The hops that the entry or the defaults name; a default hop is reached through those before it."""
        entry = self.entries[number]
        if "jump" in entry:
            return _hops(entry["jump"])
        found = _hops(self._defaults.get("jump", ""))
        return found[: found.index(entry["name"])] if entry.get("name") in found else found

    def _chain(self, number: int, before: tuple[int, ...]) -> list[str]:
        if len(before) > _MOST_HOPS:
            raise _JumpError(f"the way takes more than {_MOST_HOPS} hops")
        found: list[str] = []
        for hop in self._own(number):
            found += self._through(hop, (*before, number), is_first=not found)
        if len(found) > _MOST_HOPS:
            raise _JumpError(f"the way takes more than {_MOST_HOPS} hops")
        return found

    def _through(self, hop: str, before: tuple[int, ...], *, is_first: bool) -> list[str]:
        """That hop, the first one with those that lead to it: each further one is reached through the one before."""
        number = self._numbers.get(hop)
        if number is None:
            _check(hop)
            return [hop]
        if number in before:
            raise _JumpError(f"the way goes in circles: '{safe(hop, 60)}' is reached through itself")
        entry = {**{key: self._defaults.get(key) for key in ("user", "port")}, **self.entries[number]}
        if entry.get("reach", "ssh") != "ssh":
            raise _JumpError(f"'{safe(hop, 60)}' cannot be gone through: it is not reached by ssh")
        try:
            named = parse_endpoint(str(entry.get("address") or hop))
        except UsageError as error:
            raise _JumpError(str(error)) from None
        endpoint = Endpoint(entry.get("user") or named.user, named.host, entry.get("port") or named.port)
        return [*(self._chain(number, before) if is_first else ()), endpoint.text]


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _hops(text: object) -> list[str]:
    return [part.strip() for part in text.split(",")] if isinstance(text, str) and text.strip() else []


def _check(hop: str) -> None:
    try:
        parse_endpoint(hop)
    except UsageError as error:
        raise _JumpError(f"jump: {error}") from None
