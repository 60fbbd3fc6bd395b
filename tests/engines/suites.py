"""Systems with container engines in them: suites of Debian in folders of their own, with nothing started.

The machine's own packages stay as they are. Running an engine in such a system is `starting`'s subject.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.lab.tools import LabError, clean_environment, find_tool, run

FOLDER: Final = "IRKIT_ENGINES"
"""The environment variable that names the folder systems are kept in."""
SUITES: Final = ("bookworm", "trixie", "sid")
PACKAGES: Final = (
    "docker.io",
    "podman",
    "netavark",
    "aardvark-dns",
    "iproute2",
    "iptables",
    "nftables",
    "procps",
    "rootlesskit",
    "passt",
    "slirp4netns",
    "uidmap",
)
CLIENT: Final = "docker-cli"  # in docker.io itself on bookworm
_SECONDS: Final = 1200
_READY: Final = ".irkit-ready"
_NEVER_START: Final = "#!/bin/sh\nexit 101\n"


def folder() -> Path:
    """Where systems are kept between one try and the next."""
    return Path(os.environ.get(FOLDER) or "/var/tmp/irkit-engines")


def system(suite: str) -> Path:
    """The system of that suite, made where it is not there yet. Raises LabError where it can't be had."""
    place = folder() / suite
    if (place / _READY).exists():
        return place
    if place.exists():
        _remove(place)
    place.mkdir(parents=True)
    try:
        _bootstrap(suite, place)
        _install(suite, place)
    except BaseException:
        _remove(place)
        raise
    (place / _READY).touch()
    return place


def remove_systems() -> None:
    """Remove all systems that were made."""
    for suite in SUITES:
        _remove(folder() / suite)
    if folder().is_dir() and not any(folder().iterdir()):
        folder().rmdir()


def _bootstrap(suite: str, place: Path) -> None:
    if find_tool("debootstrap") is None:
        _apt([], "update")
        _apt([], "install", "-y", "--no-install-recommends", "debootstrap")
    made = [find_tool("debootstrap") or "debootstrap", "--variant=minbase", suite, str(place)]
    run(made, timeout=_SECONDS, env=_environment())


def _install(suite: str, place: Path) -> None:
    """The engines, none of them started: a package would start it in the machine's own network."""
    policy = place / "usr" / "sbin" / "policy-rc.d"
    policy.write_text(_NEVER_START, encoding="ascii")
    policy.chmod(0o755)
    shutil.copyfile("/etc/resolv.conf", place / "etc" / "resolv.conf")
    client = () if suite == "bookworm" else (CLIENT,)
    _apt(["chroot", str(place)], "install", "-y", "--no-install-recommends", *PACKAGES, *client)
    _apt(["chroot", str(place)], "clean")


def _apt(before: list[str], *words: str) -> None:
    run([*before, "apt-get", *words], timeout=_SECONDS, env=_environment())


def _environment() -> dict[str, str]:
    return clean_environment({"DEBIAN_FRONTEND": "noninteractive"})


def _remove(place: Path) -> None:
    if place.is_mount() or any(line.split()[1].startswith(f"{place}/") for line in _mounts()):
        raise LabError(f"something is mounted below {place}: it is not removed")
    subprocess.run(["/bin/rm", "-rf", "--one-file-system", "--", str(place)], check=True)


def _mounts() -> list[str]:
    return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
