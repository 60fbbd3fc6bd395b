"""Systems with container engines in them: suites of Debian in folders of their own, with nothing started.

The machine's own packages stay as they are. Running an engine in such a system is `starting`'s subject.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from tests.lab.leftovers import remove_directory
from tests.lab.tools import LabError, clean_environment, find_tool, run

FOLDER: Final = "IRKIT_ENGINES"
"""The environment variable that names the folder systems are kept in."""
SUITES: Final = ("bookworm", "trixie", "sid", "experimental")
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
TOP: Final = {"experimental": "sid"}
"""A suite that is no whole system, and the one that it goes on top of."""
CLIENT: Final = "docker-cli"  # in docker.io itself on bookworm
_ROOT: Final = Path(__file__).resolve().parents[2]
_SECONDS: Final = 1200
_READY: Final = ".irkit-ready"
# All that is begun ends with the first process, and its mounts are nobody else's.
_ALONE: Final = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")
_NEVER_START: Final = "#!/bin/sh\nexit 101\n"


def folder() -> Path:
    """Where systems are kept between one try and the next."""
    return Path(os.environ.get(FOLDER) or _ROOT / "build" / "engines")


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
    made = [find_tool("debootstrap") or "debootstrap", "--variant=minbase", TOP.get(suite, suite), str(place)]
    run([*_ALONE, *made], timeout=_SECONDS, env=_environment())


def _install(suite: str, place: Path) -> None:
    """The engines, none of them started: a package would start it in the machine's own network."""
    policy = place / "usr" / "sbin" / "policy-rc.d"
    policy.write_text(_NEVER_START, encoding="ascii")
    policy.chmod(0o755)
    shutil.copyfile("/etc/resolv.conf", place / "etc" / "resolv.conf")
    client = () if suite == "bookworm" else (CLIENT,)
    inside = [*_ALONE, "chroot", str(place)]
    if below := TOP.get(suite):
        sources = place / "etc" / "apt" / "sources.list"
        lines = sources.read_text(encoding="ascii")
        sources.write_text(lines + lines.replace(f" {below} ", f" {suite} "), encoding="ascii")
        _apt(inside, "-o", "Acquire::Check-Valid-Until=false", "update")  # a mirror, or a clock, may be late
    _apt(inside, "install", "-y", "--no-install-recommends", "--target-release", suite, *PACKAGES, *client)
    _apt(inside, "clean")


def _apt(before: list[str], *words: str) -> None:
    run([*before, "apt-get", *words], timeout=_SECONDS, env=_environment())


def _environment() -> dict[str, str]:
    return clean_environment({"DEBIAN_FRONTEND": "noninteractive"})


def _remove(place: Path) -> None:
    remove_directory(place)
    if place.exists():
        raise LabError(f"{place} could not be removed: is something mounted below?")
