"""Finding what the lab needs on this machine, and installing what is missing on Debian. Starts nothing."""

import os
import struct
import sys
from pathlib import Path

from .tools import LabError, clean_environment, find_tool, run

BUSYBOX = Path("/bin/busybox")
# Tool and package. The client comes with docker.io on Debian 12 and in a package of its own after it.
CLIENT = (("docker", "docker.io"),)
OWN_ENGINE = (
    ("dockerd", "docker.io"),
    ("docker-compose", "docker-compose"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("ps", "procps"),
    ("zstd", "zstd"),
)
HOSTS = (
    ("perl", "perl-base"),
    ("socat", "socat"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
    ("sudo", "sudo"),
    ("tcpdump", "tcpdump"),
    ("tmux", "tmux"),
)
ZONES = Path("/usr/share/zoneinfo")
CLIENT_PACKAGE = "docker-cli"
PT_INTERP = 3


def is_static(program: Path) -> bool:
    """True for a 64-bit ELF program that asks for no loader."""
    try:
        raw = program.read_bytes()[:8192]
    except OSError:
        return False
    if raw[:5] != b"\x7fELF\x02":
        return False
    order = "<" if raw[5] == 1 else ">"
    (offset,) = struct.unpack_from(f"{order}Q", raw, 32)
    size, count = struct.unpack_from(f"{order}HH", raw, 54)
    kinds = [struct.unpack_from(f"{order}I", raw, offset + size * number)[0] for number in range(count)]
    return PT_INTERP not in kinds


def missing_packages() -> list[str]:
    """Packages whose tool is not there. Who is not root can't start an engine, so needs only the client."""
    wanted = CLIENT + (OWN_ENGINE + HOSTS if os.geteuid() == 0 else ())
    missing = [package for name, package in wanted if find_tool(name) is None]
    if not is_static(BUSYBOX):
        missing.append("busybox-static")
    if not (ZONES / "Asia" / "Tokyo").exists():
        missing.append("tzdata")
    return sorted(set(missing))


def _apt(*args: str) -> None:
    apt = find_tool("apt-get") or "apt-get"
    env = clean_environment({"DEBIAN_FRONTEND": "noninteractive"})
    # A package's service may fail to start, which is no matter: what counts is whether the tools are there after.
    run([apt, *args], check=False, timeout=900, env=env)


def _install(packages: list[str]) -> None:
    print(f"lab: installing {' '.join(packages)}", file=sys.stderr, flush=True)
    _apt("update")
    _apt("install", "-y", "--no-install-recommends", *packages)
    if find_tool("docker") is None:
        _apt("install", "-y", "--no-install-recommends", CLIENT_PACKAGE)


def ensure_packages(allowed: bool = True) -> None:
    """See to it that the lab's tools are there, or say in one line what to install."""
    missing = missing_packages()
    may = allowed and os.environ.get("IRKIT_LAB_INSTALL") != "no"
    if missing and may and os.geteuid() == 0 and find_tool("apt-get"):
        _install(missing)
        missing = missing_packages()
    if missing:
        raise LabError(f"the lab needs packages that are not here: install {' '.join(missing)} (Debian's names)")
