"""The seeded files, and when each counts as found."""

from typing import Final

from tests.lab import hostile

from .contents import Contents, name_of
from .items import NOTHING, Item, Verdict, either, file_item, found, has, is_kind, members, partly
from .peers import Peers
from .seeds import (
    ATTRIBUTE,
    CAPABILITY,
    CRON,
    OPAQUE,
    SCRATCH,
    SCRATCHED,
    SHM,
    SPARSE_AT,
    SPARSE_MARK,
    SUSPECT,
    TROJAN,
    WEBSHELL,
    Incident,
    digest,
)

HOSTILE = hostile.DIRECTORY
NAMES: Final = {
    "a file name with a newline": b"new\nline",
    "a file name that would command a terminal": b"\x1b]0;title\x07\x1b[31mred",
    "a file name that is no UTF-8": b"latin-\xe9-\xff\xfe",
    "a file name of 255 bytes": b"long-" + b"x" * 250,
}


def changes(contents: Contents) -> dict[bytes, dict[str, object]]:
    """The list of what was changed, by path."""
    return {b"/" + name_of(line).strip(b"/"): line for line in contents.lines(SUSPECT, "changes/")}


def _trojan_in_bundle(incident: Incident, contents: Contents) -> Verdict:
    one = members(contents, "changes").get(b"/bin/ls")
    return either(one and one.sha256 == digest(TROJAN) and b"/bin/ls" in changes(contents), "snapshot.changes")


def _trojan_in_peers(incident: Incident, peers: Peers) -> Verdict:
    one = peers.files.get(b"/bin/ls")
    return either(one and one.sha256 == digest(TROJAN) and "C /bin/ls" in peers.diff, "export, diff")


def _deleted(path: str) -> Item:
    def in_bundle(incident: Incident, contents: Contents) -> Verdict:
        line = changes(contents).get(path.encode(), {})
        return either(line.get("change") == "deleted", "snapshot.changes")

    def in_peers(incident: Incident, peers: Peers) -> Verdict:
        return either(f"D {path}" in peers.diff, "diff")

    return Item(f"a file of the image that was deleted, `{path}`", "that it is gone", in_bundle, in_peers)


def _attribute(path: str, name: str, key: str, value: bytes) -> Item:
    def in_bundle(incident: Incident, contents: Contents) -> Verdict:
        one = members(contents, "changes").get(path.encode())
        return either(one and one.attributes.get(key) == value, "snapshot.changes")

    def in_peers(incident: Incident, peers: Peers) -> Verdict:
        one = peers.files.get(path.encode())
        if one and one.attributes.get(key) == value:
            return found("export")
        return partly("export has the file without it") if one else NOTHING

    return Item(name, f"the file and `{key}`", in_bundle, in_peers)


def _sparse_in_bundle(incident: Incident, contents: Contents) -> Verdict:
    size = incident.sizes.sparse_mib << 20
    at = size - (SPARSE_AT << 20)
    return either(contents.holds_at(SUSPECT, "changes", b"/opt/sparse", size, at, SPARSE_MARK), "snapshot.changes")


def _sparse_in_peers(incident: Incident, peers: Peers) -> Verdict:
    one = peers.files.get(b"/opt/sparse")
    return either(one and one.size == incident.sizes.sparse_mib << 20, "export, holes and all")


def _small_files(incident: Incident, files: dict[bytes, object]) -> bool:
    wanted = {
        b"/srv/many/%03d/%d.txt" % (number // 1000, number) for number in range(1, incident.sizes.small_files + 1)
    }
    return wanted <= set(files)


def _time_in_bundle(incident: Incident, contents: Contents) -> Verdict:
    line = changes(contents).get(b"/var/spool/cron/crontabs/.root", {})
    at = (incident.root / "var/spool/cron/crontabs/.root").lstat().st_mtime_ns
    told = f"{at // 10**9}.{at % 10**9:09d}".rstrip("0").rstrip(".")
    return either(told in str(line.get("mtime", "")), "snapshot.changes")


def _time_in_peers(incident: Incident, peers: Peers) -> Verdict:
    return partly("export, in seconds") if b"/var/spool/cron/crontabs/.root" in peers.files else NOTHING


def _is_device(_: Incident, one: object) -> bool:
    return getattr(one, "kind", "") == "char" and getattr(one, "device", ()) == (1, 3)


FILES: Final = (
    file_item("a webshell in a named volume", "its bytes", "/img/.thumb.php", has(WEBSHELL), "volumes"),
    Item("`/bin/ls` replaced", "its bytes, and that it differs from the image", _trojan_in_bundle, _trojan_in_peers),
    file_item("a hidden cron file", "its bytes", "/var/spool/cron/crontabs/.root", has(CRON)),
    Item("when the cron file was written", "to the nanosecond", _time_in_bundle, _time_in_peers),
    _deleted("/app/delete-me.txt"),
    _deleted(f"{OPAQUE}/readme.txt"),
    *(
        file_item(name, "the name byte for byte, and the content", HOSTILE + b"/" + raw, has(raw + b"\n"))
        for name, raw in NAMES.items()
    ),
    file_item("a pipe", "its kind, and no waiting", HOSTILE + b"/" + hostile.FIFO, is_kind("fifo")),
    file_item("a device", "its kind and numbers", HOSTILE + b"/device", _is_device),
    file_item("a set-user-id program", "its mode", "/opt/.suid", lambda _, one: one.mode & 0o7777 == 0o4755),
    _attribute("/opt/with-capability", "a program with a capability", "security.capability", CAPABILITY),
    _attribute("/opt/with-attribute", "a file with an extended attribute", "user.note", ATTRIBUTE),
    Item("a sparse file", "its data at its place", _sparse_in_bundle, _sparse_in_peers),
    file_item("a link to `/`", "the link, not followed", "/srv/everything", is_kind("symlink", "/")),
    Item(
        "very many small files",
        "all of them",
        lambda incident, contents: either(
            _small_files(incident, dict(members(contents, "changes"))), "snapshot.changes"
        ),
        lambda incident, peers: either(_small_files(incident, dict(peers.files)), "export"),
    ),
    file_item("a file in `/dev/shm`", "its bytes", "/dev/shm/.x", has(SHM), "tmpfs"),
    file_item("a file on a tmpfs", "its bytes", f"{SCRATCH}/notes", has(SCRATCHED), "tmpfs"),
)
