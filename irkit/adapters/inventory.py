"""The inventory: which hosts there are, from irkit's own `hosts.yml` or from an inventory of Ansible's.

What each of the formats says is left to `hosts_file` and `ansible_inventory`, what is added to `hosts_file_add`.
"""

import os
import stat
from pathlib import Path

import msgspec
from msgspec.structs import replace

from irkit.adapters.ansible_inventory import MAX_BYTES, read_ansible_ini, read_ansible_yaml
from irkit.adapters.host_address import parse_address
from irkit.adapters.hosts_file import problems_in, read_hosts
from irkit.adapters.hosts_file_add import add_host
from irkit.adapters.inventory_kind import Kind, has_values, kind_of
from irkit.adapters.inventory_notes import Notes
from irkit.adapters.yaml_document import read_document
from irkit.core.errors import PlaybookError, UsageError
from irkit.core.host import Host
from irkit.core.text import safe

__all__ = ["Inventory", "add_host", "find_inventory_problems", "load_inventory", "parse_address"]


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts of a file in its order, and what of it was not taken over and why."""

    hosts: tuple[Host, ...]
    kind: Kind
    told: Notes = Notes()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not taken over and why, a line each."""
        return self.told.lines


def load_inventory(path: Path) -> Inventory:
    """The inventory in a file. Raises UsageError (PlaybookError where a line can be named) for the first problem."""
    content, text = _read(path)
    name, kind = str(path), kind_of(text)
    if kind == "irkit":
        hosts = read_hosts(content, name, path.parent) if has_values(text) else ()
        return Inventory(hosts=hosts, kind=kind)
    read = read_ansible_ini if kind == "ansible-ini" else read_ansible_yaml
    hosts, told = read(text, name)
    return Inventory(hosts=hosts, kind=kind, told=replace(told, of_all=(*told.of_all, *_unread(path.parent))))


def find_inventory_problems(path: Path) -> list[UsageError]:
    """Everything that is wrong with an inventory, in the order of its lines; of one of Ansible's only the first."""
    try:
        load_inventory(path)
    except UsageError as first:
        try:
            content, text = _read(path)
            document = read_document(content, str(path)) if kind_of(text) == "irkit" else None
        except UsageError as error:
            return [error]
        return [*problems_in(document)] if document else [first]
    return []


def _unread(folder: Path) -> list[str]:
    """What Ansible would read besides."""
    found = [name for name in ("group_vars", "host_vars") if (folder / name).is_dir()]
    return [f"{name} beside the inventory is not read: only what is in the inventory itself counts" for name in found]


def _read(path: Path) -> tuple[bytes, str]:
    """The content, and the same as text. Raises UsageError."""
    where = safe(path, 200)
    try:
        # Not to wait for a pipe that nobody writes to, or for a device that never ends.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_BYTES + 1) if stat.S_ISREG(mode) else None
    except IsADirectoryError:
        raise UsageError(f"{where}: this is a folder: name an inventory in it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "the path cannot be used"
        raise UsageError(f"{where}: the inventory cannot be read: {reason}") from None
    if content is None:
        raise UsageError(f"{where}: the inventory cannot be read: it is not a regular file")
    if len(content) > MAX_BYTES:
        raise UsageError(f"{where}: the inventory is larger than {MAX_BYTES >> 20} MiB")
    return content, _text(content, where, is_program=bool(mode & 0o111))


def _text(content: bytes, where: str, *, is_program: bool) -> str:
    """The text of an inventory. Raises UsageError for what irkit does not read as one."""
    if content.startswith(b"$ANSIBLE_VAULT"):
        raise UsageError(f"{where}: the inventory is encrypted with ansible-vault: give irkit one that is not")
    if content.startswith(b"#!") or (is_program and b"\0" in content):
        raise UsageError(
            f"{where}: a program that makes an inventory is not run: save what it makes"
            " (ansible-inventory --list --yaml > inventory.yml) and use that"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PlaybookError("the file is not text in UTF-8", place=f"{where}:{line}") from None
