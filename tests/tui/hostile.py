"""A host in memory every word of which is an attack on the terminal, or on whoever sits at it."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any, Final

from irkit.adapters.log_stream import LogRecord
from irkit.adapters.memory import MemoryTarget
from irkit.core import operations as do
from irkit.core.container import Attachment, Container, Mount, Port
from irkit.core.errors import Refusal, TargetError
from irkit.core.host import Host
from irkit.core.ports import Deadline, Intake, Outcome
from tests.engine.world import container

MARKUP: Final = "[@click=app.leave]x[/][/foo][red]r[/red]:skull:"
STOLEN: Final = "Z290Y2hh"
"""What would come to lie in the clipboard."""
PAYLOADS: Final = (
    MARKUP,
    f"{MARKUP}\x1b[38;5;123mcolour\x1b[2J\x1b[99A",
    f"\x1b]52;c;{STOLEN}\x07{MARKUP}",
    f"\x1b]8;;http://203.0.113.7\x1b\\link\x1b]8;;\x1b\\{MARKUP}",
    f"\x9d52;c;{STOLEN}\x9c\x9b31m{MARKUP}",
    f"\u202egpj.exe\u2066{MARKUP}\u2069",
    f"zero\u200bwidth\ufeff\u00ad\U000e0041{MARKUP}",
    f"one\r\ntwo\nthree\rfour\x08\x08\x7f\x0b\x0c\u2028\u2029{MARKUP}",
    f"nul\x00\x0e\x0f\x1bc\x1b(0\x1bP+q\x1b\\{MARKUP}",
    f"\ud83d\udca9\ue000\u0378\ufe0f\u3164{MARKUP}".encode("utf-16", "surrogatepass").decode("utf-16"),
)
ATTACK: Final = " ".join(PAYLOADS)
LONG: Final = ATTACK + "x" * 100_000
COUNT: Final = len(PAYLOADS) + 1
RAW: Final = ("\x1b]52", "\x1b]8", "\x1b]0", "\x1b[38;5;123m", "\x1b[2J", "\x1b[99A", "\x1bP", "\x1bc", "\x1b(0")
"""What no terminal may be sent of it."""


def containers(host: str) -> list[Container]:
    """One for each payload, and one whose every fact is as long as it is hostile."""
    found = [one_of(f"{payload}{number}", payload, host) for number, payload in enumerate(PAYLOADS)]
    return [one_of(LONG, LONG, host), *found]


def one_of(name: str, payload: str, host: str) -> Container:
    """A container with this payload wherever a container says anything."""
    place = Attachment(network=payload, network_id="n", ipv4="172.30.0.2", aliases=(payload,), driver=payload)
    facts: dict[str, Any] = {
        "image": payload,
        "labels": {payload: payload},
        "mounts": (Mount(kind="bind", source=f"/etc/{payload}", destination=payload),),
        "ports": (Port(host_ip=payload, host_port=80, container_port=80, protocol=payload),),
        "capabilities": ("SYS_ADMIN", payload),
        "security_options": (payload,),
        "user": payload,
        "orchestrator": payload,
        "created_at": "2026-01-31T10:00:00Z",
    }
    return container(name, place, host=host, **facts)


def contents() -> dict[str, bytes]:
    """What is read of each, by the name of its item."""
    process = {"pid": 7, "ppid": 1, "arguments": [ATTACK, LONG], "name": ATTACK, "users": {"effective": ATTACK},
               "started_at": ATTACK, "exe": {"path": ATTACK, "deleted": True}, "notes": [ATTACK, LONG]}  # fmt: skip
    socket = {"protocol": "tcp", "state": ATTACK, "local": {"address": ATTACK, "port": 1}, "note": LONG,
              "remote": {"address": ATTACK, "port": ATTACK}, "path": ATTACK, "held_by": [{"name": ATTACK}]}  # fmt: skip
    changes = [{"Kind": kind, "Path": f"/{one}/{one}"} for kind in (0, 1, 2) for one in (ATTACK, LONG, *PAYLOADS)]
    health = {"Health": {"Log": [{"Output": LONG}]}}
    facts = {ATTACK: ATTACK, "Labels": {ATTACK: LONG}, "State": health, "Env": [f"TOKEN={ATTACK}", LONG]}
    history = [{"CreatedBy": LONG, "Comment": ATTACK, "Tags": [ATTACK]}]
    return {
        "processes/processes.jsonl": json.dumps(process).encode() + b"\n",
        "processes.json": json.dumps({"processes": [{"PID": "7", "PPID": "1", "CMD": ATTACK}]}).encode(),
        "sockets/sockets.jsonl": json.dumps(socket).encode() + b"\n",
        "changes.json": json.dumps(changes).encode(),
        "inspect.json": json.dumps({**facts, "History": history}).encode(),
        "stats.json": LONG.encode(),
        "export/rootfs.tar": archive(),
        "logs/stdout.log": LONG.encode() + b"\n" + b"\xff\xfe\x9b31m\n",
        "logs/stderr.log": b"\x00" + LONG.encode(),
    }


def archive() -> bytes:
    """An archive with such names in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for payload in (ATTACK, LONG):
            member = tarfile.TarInfo(f"etc/{payload}".replace("\x00", ""))
            member.type, member.linkname = tarfile.SYMTYPE, payload.replace("\x00", "")
            tar.addfile(member)
    return buffer.getvalue()


class HostileTarget(MemoryTarget):
    """A host with such containers; its engine refuses to pause, in words of the same kind."""

    def __init__(self, host: Host) -> None:
        super().__init__(containers(host.name), host, ATTACK)
        self.contents = contents()
        lines = [*(payload.encode("utf-8", "surrogateescape") for payload in PAYLOADS), LONG.encode(), b"\x9b31m\xff"]
        streams = ("stdout", "stderr", "engine")
        self.log = [LogRecord(stream, "2026-01-31T10:00:00Z", 0, line) for line in lines for stream in streams]

    def apply(self, operation: do.Operation, intake: Intake, deadline: Deadline) -> Outcome:
        """As always, but for pausing."""
        if isinstance(operation, do.Pause):
            raise TargetError(f"the engine says: {ATTACK}{LONG}", Refusal.REFUSED)
        return super().apply(operation, intake, deadline)


class RefusingTarget(MemoryTarget):
    """A host that says no in such words."""

    def __init__(self, host: Host) -> None:
        super().__init__([], host)

    def connect(self, deadline: Deadline) -> None:
        raise TargetError(f"no: {ATTACK}{LONG}", Refusal.UNREACHABLE)


def write_playbooks(folder: Path) -> None:
    """A playbook with such words in it, and one that is not valid."""
    folder.mkdir(parents=True)
    words = json.dumps(ATTACK.replace("\x00", "").replace("\x7f", ""))
    head = f"name: hostile\nversion: 1\ntitle: {words}\ndescription: {words}\n"
    text = f"{head}steps:\n  - {{action: collect.logs, title: {words}}}\n"
    broken = f"{MARKUP.replace('/', '_')}\x1b[2J\x9b\u202e.yaml"
    (folder / "hostile.yaml").write_text(text, encoding="utf-8")
    (folder / broken).write_text(f"name: {words}\nnope: {words}\n", encoding="utf-8")
