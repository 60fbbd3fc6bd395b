"""Files of /proc/PID as values: status, limits, maps, descriptors, capabilities. Bytes in, values out; nothing raises.

Most of a container's processes have the same limits and control groups: what was read once is known the next time.

Names and paths in them are of the process's choice, and may hold anything that is not the separator: a name in `status`
has its line feeds and backslashes escaped by the kernel, a path in `maps` its line feeds. Formats: proc(5).
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from irkit.adapters.foreign_text import put, put_all

_NAMES: Final = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service"
    " net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin"
    " sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override"
    " mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
)
CAPABILITIES: Final = tuple(_NAMES.split())
"""The names of the capabilities, by number: capabilities(7)."""
_SETS: Final = (("inheritable", "CapInh"), ("permitted", "CapPrm"), ("effective", "CapEff"), ("bounding", "CapBnd"),
                ("ambient", "CapAmb"))  # fmt: skip
_SECCOMP: Final = {"0": "off", "1": "strict", "2": "filter"}
_WANTED: Final = re.compile(
    rb"^(?:Uid|Gid|Groups|NSpid|Threads|TracerPid|Cap[A-Z][a-z]+|NoNewPrivs|Seccomp(?:_filters)?|VmRSS|VmSize):.*$",
    re.MULTILINE,
)
_IDS: Final = ("real", "effective", "saved", "file_system")
_MAPS: Final = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) ([0-9]+) *([^\n]*)$", re.MULTILINE
)
_RANGES: Final = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) (\S{4} [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [0-9]+ *[^\n]*)$", re.MULTILINE
)
_MAPPED: Final = re.compile(rb"(\S{4}) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) ([0-9]+) *([^\n]*)")
_LIMIT_LINE: Final = re.compile(rb"^(Max [a-z ]+?) {2,}(\S+) +(\S+) *(\S*) *$", re.MULTILINE)
_HEX: Final = re.compile(r"[0-9a-fA-F]{1,32}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}")
DELETED: Final = b" (deleted)"


def fields_of(text: bytes) -> dict[str, str]:
    """`Key:\tvalue` lines; where a key comes twice, the first stands."""
    found: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").split("\n"):
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key, value.strip(" \t"))
    return found


@lru_cache(maxsize=256)
def capabilities_of(text: str) -> Sequence[str]:
    """The names of a set of capabilities written in hexadecimal; one without a name by its number."""
    bits = int(text, 16) if _HEX.fullmatch(text) else 0
    return [_capability(number) for number in range(bits.bit_length()) if bits >> number & 1]


def _capability(number: int) -> str:
    return CAPABILITIES[number] if number < len(CAPABILITIES) else str(number)


def status_of(text: bytes) -> dict[str, Any]:
    """What /proc/PID/status tells of users, namespaced pids, capabilities, seccomp, memory and threads."""
    fields = fields_of(b"\n".join(_WANTED.findall(text)))
    found: dict[str, Any] = {
        "users": _ids(fields.get("Uid", "")),
        "groups": _ids(fields.get("Gid", "")),
        "other_groups": _numbers(fields.get("Groups", "")),
        "pids": _numbers(fields.get("NSpid", "")),
        "threads": _number(fields.get("Threads", "")),
        "tracer": _number(fields.get("TracerPid", "")),
        "capabilities": {name: capabilities_of(fields.get(key, "")) for name, key in _SETS},
        "no_new_privileges": fields.get("NoNewPrivs") == "1",
        "seccomp": _SECCOMP.get(fields.get("Seccomp", ""), fields.get("Seccomp", "")),
    }
    if "Seccomp_filters" in fields:
        found["seccomp_filters"] = _number(fields["Seccomp_filters"])
    if "VmRSS" in fields:
        found["resident_kib"] = _number(fields["VmRSS"].partition(" ")[0])
        found["virtual_kib"] = _number(fields.get("VmSize", "").partition(" ")[0])
    return found


def _ids(text: str) -> dict[str, int]:
    return dict(zip(_IDS, _numbers(text), strict=False))


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split() if _NUMBER.fullmatch(word)]


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0


@lru_cache(maxsize=256)
def limits_of(text: bytes) -> Mapping[str, Sequence[int | str]]:
    """The limits by name (`open files`): soft and hard, numbers or `unlimited`."""
    return {
        match[1].decode("ascii").removeprefix("Max "): [_limit(match[2]), _limit(match[3])]
        for match in _LIMIT_LINE.finditer(text)
    }


def _limit(word: bytes) -> int | str:
    return int(word) if word.isdigit() else word.decode("ascii", "replace")


def maps_of(text: bytes) -> list[dict[str, Any]]:
    """The mappings, in order of their addresses."""
    return [
        {"address": f"0x{start.decode()}", "size": int(end, 16) - int(start, 16), **_mapped(rest)}
        for start, end, rest in _RANGES.findall(text)
    ]


@lru_cache(maxsize=1024)
def _mapped(rest: bytes) -> Mapping[str, Any]:
    """What a line tells behind the addresses, which is alike in many processes."""
    found = _MAPPED.fullmatch(rest)
    if found is None:
        return {}
    permissions, offset, device, inode, path = found.groups()
    one: dict[str, Any] = {"permissions": permissions.decode("ascii", "replace")}
    if inode != b"0" or path:
        one |= {"offset": int(offset, 16), "device": device.decode(), "inode": int(inode)}
        put(one, "file", path)
    return one


def mapped_as(text: bytes, path: bytes) -> tuple[bytes, bytes] | None:
    """Device and inode of the file that is mapped under exactly that path, or None."""
    wanted = path.replace(b"\n", rb"\012")
    at = text.find(wanted)
    while at >= 0:
        found = _MAPS.match(text, text.rfind(b"\n", 0, at) + 1)
        if found and found[7] == wanted:
            return found[5], found[6]
        end = text.find(b"\n", at)
        at = text.find(wanted, end) if end >= 0 else -1
    return None


@lru_cache(maxsize=1024)
def namespace_of(link: bytes) -> int | str:
    """The number in `net:[4026531840]`; the text itself where there is none."""
    number = link.rpartition(b"[")[2].rstrip(b"]")
    return int(number) if number.isdigit() else link.decode("utf-8", "replace")


@lru_cache(maxsize=256)
def groups_of(text: bytes) -> Mapping[str, str]:
    """Control groups: the path by controllers, `unified` being version 2."""
    lines = (line.split(b":", 2) for line in text.split(b"\n"))
    rows = [parts for parts in lines if len(parts) == 3]  # noqa: PLR2004
    return {_word(names) or "unified": path.decode("utf-8", "replace") for _, names, path in rows}


def _word(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def put_strings(into: dict[str, Any], key: str, text: bytes) -> None:
    """A command line or environment: strings that end with NUL; one that was written over may lack the last."""
    parts = text.split(b"\0")
    put_all(into, key, parts[:-1] if parts[-1] == b"" else parts, text)


def descriptor_of(number: bytes, target: bytes, facts: bytes) -> dict[str, Any]:
    """A descriptor: its number, what it stands for, where in it the process is and how it was opened (octal)."""
    found: dict[str, Any] = {"fd": int(number)}
    put(found, "target", target)
    kind, colon, rest = target.partition(b":[")
    if colon and rest[:-1].isdigit():
        found |= {"kind": kind.decode("ascii", "replace"), "inode": int(rest[:-1])}
    found.update(_opened(facts))
    return found


@lru_cache(maxsize=1024)
def _opened(facts: bytes) -> Mapping[str, int | str]:
    fields = fields_of(facts)
    found: dict[str, int | str] = {}
    if "pos" in fields:
        found |= {"position": _number(fields["pos"]), "flags": fields.get("flags", "")}
    if "mnt_id" in fields:
        found["mount"] = _number(fields["mnt_id"])
    return found
