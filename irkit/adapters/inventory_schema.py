"""What `hosts.yml` may hold: the types of its entries, and the JSON Schema that is made from them.

Editors, the reference and the reader (`hosts_file`) use the schema; what it cannot say is the reader's.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from irkit.adapters.host_address import SOCKET_PATTERN, USER_PATTERN

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
NAME_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_.@:\[\]-]{0,99}"
GROUP_PATTERN: Final = r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,99}"
LABEL_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_./-]{0,99}"


def _whole(pattern: str, *, or_empty: bool = False) -> str:
    # `$` also stands before a last newline; what follows it rules that out, in any dialect.
    return rf"^(?:{pattern}){'?' if or_empty else ''}$(?!\n)"


Group = Annotated[str, Meta(pattern=_whole(GROUP_PATTERN), examples=["web", "site-2"])]
Label = Annotated[str, Meta(pattern=_whole(LABEL_PATTERN), examples=["site", "owner"])]
User = Annotated[
    str,
    Meta(
        description="Who to log in as; without it, what ~/.ssh/config says, else your own name.",
        pattern=_whole(USER_PATTERN, or_empty=True),
        examples=["root", "responder"],
    ),
]
Port = Annotated[
    int, Meta(description="The port; 0, as usual, for what ~/.ssh/config says, else 22 (2376 for tcp).", ge=0, le=65535)
]
Jump = Annotated[
    str,
    Meta(
        description="The hosts to go through, first one first, with commas between: entries of this file, ssh aliases,"
        " or user@host:port. Without it, what ~/.ssh/config says.",
        max_length=500,
    ),
]
Socket = Annotated[
    str,
    Meta(
        description="The path of the engine's socket there; without it the usual ones are tried.",
        pattern=_whole(SOCKET_PATTERN, or_empty=True),
        examples=["/run/user/1000/docker.sock"],
    ),
]
Sudo = Annotated[bool, Meta(description="Root is had there by sudo -n; no password is ever sent to sudo.")]
Labels = Annotated[
    dict[Label, Annotated[str, Meta(max_length=200)]],
    Meta(description="What is known of the host; label:KEY=GLOB selects by it."),
]
Groups = Annotated[list[Group], Meta(description="What the host belongs to; group:NAME selects by it.")]


class Defaults(msgspec.Struct, forbid_unknown_fields=True):
    """What holds for every entry that does not say otherwise; labels and groups are added to those of the entry."""

    user: User = ""
    port: Port = 0
    jump: Jump = ""
    socket: Socket = ""
    sudo: Sudo = False
    labels: Labels = {}
    groups: Groups = []


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """A host."""

    name: Annotated[
        str,
        Meta(
            description="What the host is called on screens, in logs and bundles; used once, and not all or local.",
            pattern=_whole(NAME_PATTERN),
            examples=["web1", "db.example.org"],
        ),
    ]
    address: Annotated[
        str, Meta(description="Its name in the network, IP address or ssh alias; usual is the name.", max_length=300)
    ] = ""
    reach: Annotated[
        Literal["ssh", "local", "tcp"],
        Meta(description="How it is reached: ssh; local, a socket of this machine; or tcp, with TLS."),
    ] = "ssh"
    user: User = ""
    port: Port = 0
    jump: Jump = ""
    socket: Socket = ""
    sudo: Sudo = False
    labels: Labels = {}
    groups: Groups = []
    tls: Annotated[
        str,
        Meta(
            description="For tcp: the folder of ca.pem, cert.pem and key.pem; a relative one is beside this file.",
            max_length=1000,
        ),
    ] = ""


class HostsFile(msgspec.Struct, forbid_unknown_fields=True):
    """The hosts that irkit knows."""

    hosts: Annotated[list[Entry], Meta(description="The hosts, in the order that they are listed in.")]
    defaults: Defaults = msgspec.field(default_factory=Defaults)


def inventory_schema() -> dict[str, Any]:
    """The JSON Schema of `hosts.yml`."""
    (reference,), parts = msgspec.json.schema_components([HostsFile], ref_template="#/$defs/{name}")
    whole: dict[str, Any] = parts.pop(reference["$ref"].rpartition("/")[2])
    whole["properties"]["hosts"]["type"] = ["array", "null"]  # a list may have no entry yet
    whole["properties"]["defaults"].pop("default", None)
    return {"$schema": DRAFT, **whole, "title": "irkit hosts", "$defs": parts}


def fits(value: object) -> bool:
    """Whether the values of a file are as the schema says; a quicker way to know than the schema itself."""
    if not isinstance(value, dict) or "hosts" not in value:
        return False
    try:
        msgspec.convert({**value, "hosts": [] if value["hosts"] is None else value["hosts"]}, HostsFile)
    except msgspec.ValidationError:
        return False
    return True
