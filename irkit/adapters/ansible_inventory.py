"""The hosts of an Ansible inventory, as far as its variables say how each is reached; the rest is said, not guessed.

A host that only Ansible could reach is left out, with a note; nothing is evaluated and no secret is shown. What the
file holds is read by `ansible_ini` and `ansible_yaml`, which variable counts is `ansible_tree`'s.
"""

import re
import shlex
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from irkit.adapters.ansible_ini import read_ini
from irkit.adapters.ansible_tree import SAID, USED, Hidden, Tree, Value
from irkit.adapters.ansible_yaml import read_yaml
from irkit.adapters.host_address import KEPT_NAMES, Endpoint, is_host, is_user, parse_endpoint
from irkit.adapters.hosts_file import KEPT_BEGINNINGS
from irkit.adapters.inventory_notes import LeftOut, Notes, leave_out
from irkit.adapters.inventory_schema import GROUP_PATTERN, NAME_PATTERN
from irkit.core.errors import UsageError
from irkit.core.host import Host
from irkit.core.text import safe

MAX_BYTES: Final = 4 << 20
_SHOWN: Final = 60
_TRUE: Final = frozenset({"y", "yes", "on", "1", "true", "t", "1.0"})
_SSH: Final = frozenset({"", "ssh", "smart", "paramiko", "paramiko_ssh"})
_INSTEAD: Final = {
    **dict.fromkeys(SAID[:2], "put IdentityFile into ~/.ssh/config, or load the key into the agent"),
    **dict.fromkeys(SAID[2:5], "irkit asks for passwords (--ask-pass)"),
    **dict.fromkeys(SAID[5:7], "sudo must not ask for a password (sudo -n)"),
    **dict.fromkeys(SAID[7:], "irkit always checks host keys"),
}
_TEMPLATE: Final = re.compile(r"\{[{%#]")


def read_ansible_ini(text: str, name: str) -> tuple[tuple[Host, ...], Notes]:
    """The hosts of an inventory in INI form, and what is to be said. Raises UsageError."""
    return _hosts(read_ini(text, name), name)


def read_ansible_yaml(text: str, name: str) -> tuple[tuple[Host, ...], Notes]:
    """The hosts of an inventory in YAML form, and what is to be said. Raises UsageError."""
    return _hosts(read_yaml(text, name), name)


class _LeftOutError(Exception):
    """Why a host is left out."""


@dataclass
class _Notes:
    """What is to be said, the same thing once for all hosts that it holds for."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def say(self, text: str, host: str) -> None:
        """Something about a host."""
        self.lines.setdefault(text, []).append(host)

    def all(self, tree: Tree) -> Notes:
        """All of it, with what is to be said of the file."""
        of_hosts = {text: tuple(hosts) for text, hosts in self.lines.items()}
        return Notes(left_out=tuple(self.left_out), of_hosts=of_hosts, of_all=tuple(tree.notes))


def _hosts(tree: Tree, name: str) -> tuple[tuple[Host, ...], Notes]:
    notes, found = _Notes(), []
    try:
        resolved = tree.resolve()
        for host in tree.hosts:
            groups = _groups(host, resolved.groups_of(host), notes)
            try:
                found.append(_host(host, resolved.variables_of(host), groups, notes))
            except _LeftOutError as error:
                notes.left_out.append(leave_out(host, groups, str(error), KEPT_BEGINNINGS))
    except UsageError as error:
        raise UsageError(f"{safe(name, 200)}: {error}") from None
    return tuple(found), notes.all(tree)


def _groups(host: str, groups: tuple[str, ...], notes: _Notes) -> tuple[str, ...]:
    kept = tuple(name for name in groups if re.fullmatch(GROUP_PATTERN, name))
    if len(kept) < len(groups):
        notes.say("groups with other characters than letters, digits and _.:@- in their names are not taken over", host)
    return kept


def _host(name: str, variables: dict[str, Value], groups: tuple[str, ...], notes: _Notes) -> Host:
    """Raises _LeftOutError."""
    said = {what: _last(variables, names) for what, names in USED.items() if what != "arguments"}
    is_local = said["connection"].rpartition(".")[2] == "local"
    _check_name(name)
    for key in SAID:
        if key in variables:
            notes.say(f"{key} is not used: {_INSTEAD[key]}", name)
    sudo = _sudo(said, name, notes)
    if is_local:
        return Host(name=name, reach="local", sudo=sudo, groups=groups)
    if said["connection"].rpartition(".")[2] not in _SSH:
        raise _LeftOutError(f"irkit has no connection like {safe(said['connection'], _SHOWN)!r}")
    endpoint = _endpoint(said, name)
    return Host(
        name=name,
        address=endpoint.host,
        reach="ssh",
        user=endpoint.user,
        port=endpoint.port,
        jump=_jump(variables, name, notes),
        sudo=sudo,
        groups=groups,
    )


def _endpoint(said: dict[str, str], name: str) -> Endpoint:
    """Where the host is. Raises _LeftOutError."""
    try:
        named = parse_endpoint(said["host"] or name)
    except UsageError as error:
        raise _LeftOutError(f"its address: {error}") from None
    if said["host"] and not is_host(said["host"]):
        raise _LeftOutError("its ansible_host is neither a host's name nor an IP address")
    if said["user"] and not is_user(said["user"]):
        raise _LeftOutError("its ansible_user is not a user's name as irkit takes them")
    return Endpoint(said["user"] or named.user, named.host, _port(said["port"]) or named.port)


def _last(variables: dict[str, Value], names: tuple[str, ...]) -> str:
    """The value that counts, or empty. Raises _LeftOutError for one that only Ansible could make out."""
    found = ""
    for name in names:
        value = variables.get(name, "")
        if isinstance(value, Hidden):
            raise _LeftOutError(f"its {name} {value.value}")
        if _TEMPLATE.search(value):
            raise _LeftOutError(f"its {name} is a template, and irkit evaluates none")
        found = value.strip() or found
    return found


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME_PATTERN, name) or name.startswith(KEPT_BEGINNINGS):
        raise _LeftOutError("its name is not one that irkit takes")
    if name in KEPT_NAMES:
        raise _LeftOutError("its name has a meaning of its own for irkit")


def _port(text: str) -> int:
    if not text:
        return 0
    if not re.fullmatch("[1-9][0-9]{0,4}", text) or int(text) > 65535:  # noqa: PLR2004 - the highest there is
        raise _LeftOutError("its port is not a number from 1 to 65535")
    return int(text)


def _sudo(said: dict[str, str], host: str, notes: _Notes) -> bool:
    """Whether root is had by sudo: becoming somebody else, or in another way, is not."""
    if said["become"].lower() not in _TRUE:
        return False
    method, user = said["become_method"].rpartition(".")[2], said["become_user"]
    if method not in ("", "sudo"):
        notes.say(f"ansible_become_method {safe(method, _SHOWN)} is not used: irkit knows sudo", host)
        return False
    if user not in ("", "root"):
        notes.say("ansible_become_user is not used: irkit becomes root or nobody", host)
        return False
    return True


# Arguments of ssh ------------------------------------------------------------------------------------------------


class _Argument(NamedTuple):
    """An option of ssh, by its name in its configuration where it has one, and its value."""

    name: str
    value: str


def _jump(variables: dict[str, Value], host: str, notes: _Notes) -> str:
    """The hops in the arguments for ssh: the first that are named count. What else is there is said by name."""
    found: str | None = None
    for variable in USED["arguments"]:
        for one in _arguments(_last(variables, (variable,)), variable):
            jump = one.value if one.name.lower() == "proxyjump" else _jump_of_command(one) if found is None else None
            if jump is None:
                notes.say(f"{variable}: {safe(one.name, 40)} is not used (~/.ssh/config may have it)", host)
            elif found is None:
                found = "" if jump.lower() == "none" else _checked(jump, variable)
    return found or ""


def _arguments(text: str, variable: str) -> list[_Argument]:
    try:
        words = shlex.split(text)
    except ValueError:
        raise _LeftOutError(f"its {variable} has a quote that is not closed") from None
    found: list[_Argument] = []
    while words:
        word = words.pop(0)
        if not re.match("-[oJ]", word):
            found += [_Argument(word[:2], "")] if word.startswith("-") else []
            continue
        value = word[2:] or (words.pop(0) if words else "")
        if word.startswith("-J"):
            found.append(_Argument("ProxyJump", value))
        else:
            name, _, rest = re.sub(r"\s*=\s*|\s+", "=", value.strip(), count=1).partition("=")
            found.append(_Argument(name, rest))
    return found


def _jump_of_command(one: _Argument) -> str | None:
    """The hop in `ssh -W %h:%p [-q] [-p PORT] [user@]host`, the usual ProxyCommand of an inventory; None for others."""
    if one.name.lower() != "proxycommand":
        return None
    try:
        words = shlex.split(one.value)
    except ValueError:
        return None
    text = " ".join(words)
    found = re.fullmatch(r"ssh((?: -q| -W %h:%p| -p [0-9]+)+) ([^\s%-][^\s%]*)(?: -W %h:%p| -q)*", text)
    if not found or text.count("-W %h:%p") != 1:
        return None
    port = re.search("-p ([0-9]+)", found[1])
    return f"{found[2]}:{port[1]}" if port and ":" not in found[2] else found[2]


def _checked(jump: str, variable: str) -> str:
    hops = [hop.strip().removeprefix("ssh://") for hop in jump.split(",")]
    try:
        return ",".join(parse_endpoint(hop).text for hop in hops)
    except UsageError:
        raise _LeftOutError(f"the way in its {variable} is not user@host:port, with commas between several") from None
