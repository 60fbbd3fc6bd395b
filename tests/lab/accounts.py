"""Users of a lab host: their lines in its /etc, their rules for sudo, their homes. Mounting these is `hosts`' work."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .tools import run, tool

DOCKER_GID = 2375
FIRST_UID = 2001
SYSTEM_USERS = (
    ("daemon", 1, 1, "/usr/sbin"),
    ("sshd", 101, 65534, "/run/sshd"),
    ("nobody", 65534, 65534, "/nonexistent"),
)
SYSTEM_GROUPS = (("root", 0), ("daemon", 1), ("tty", 5), ("sudo", 27), ("docker", DOCKER_GID), ("nogroup", 65534))
PAM = """auth required pam_unix.so nodelay
account required pam_unix.so
password required pam_deny.so
session required pam_permit.so
"""
PAM_SERVICES = ("sshd", "sudo", "sudo-i", "su", "su-l", "login", "other")
SUDOERS = """Defaults env_reset, !syslog, !lecture
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""
LOCKED = "*"  # no password fits, and keys are taken all the same


@dataclass(frozen=True)
class User:
    """An account of a lab host.

    `sudo` True allows everything without a password; a text is a rule, such as `ALL=(root) NOPASSWD: /usr/bin/docker`.
    `banner` is what every shell of the user prints first, also one that runs a single command. `authorized` says
    that the host's client key opens this account.
    """

    name: str
    groups: tuple[str, ...] = ()
    sudo: bool | str = False
    password: str = ""
    shell: str = "/bin/bash"
    banner: str = ""
    authorized: bool = True

    @property
    def home(self) -> str:
        return "/root" if self.name == "root" else f"/home/{self.name}"


def hash_password(password: str) -> str:
    """As /etc/shadow has it. Python has lost its crypt; perl is in every Debian."""
    program = 'my $p = <STDIN>; print crypt($p, "\\$6\\$" . $ARGV[0])'
    return run([tool("perl"), "-e", program, os.urandom(6).hex()], input=password.encode()).stdout.decode("ascii")


def _numbered(users: Sequence[User]) -> dict[str, int]:
    ordinary = [user.name for user in users if user.name != "root"]
    return {"root": 0} | {name: FIRST_UID + number for number, name in enumerate(ordinary)}


def _passwd(users: Sequence[User], ids: dict[str, int]) -> str:
    known = list(users) if any(user.name == "root" for user in users) else [User("root"), *users]
    lines = [f"{user.name}:x:{ids[user.name]}:{ids[user.name]}::{user.home}:{user.shell}" for user in known]
    lines += [f"{name}:x:{uid}:{gid}::{home}:/usr/sbin/nologin" for name, uid, gid, home in SYSTEM_USERS]
    return "\n".join(lines) + "\n"


def _shadow(users: Sequence[User], ids: dict[str, int]) -> str:
    hashes = dict.fromkeys([*ids, *(name for name, *_rest in SYSTEM_USERS)], LOCKED)
    hashes |= {user.name: hash_password(user.password) for user in users if user.password}
    return "".join(f"{name}:{hashed}:19000:0:99999:7:::\n" for name, hashed in hashes.items())


def _group(users: Sequence[User], ids: dict[str, int]) -> str:
    groups = dict(SYSTEM_GROUPS)
    groups |= {name: gid for name, gid in ids.items() if name != "root"}
    extra = sorted({name for user in users for name in user.groups} - set(groups))
    groups |= {name: FIRST_UID + 1000 + number for number, name in enumerate(extra)}
    lines = []
    for name, gid in groups.items():
        members = ",".join(user.name for user in users if name in user.groups)
        lines.append(f"{name}:x:{gid}:{members}\n")
    return "".join(lines)


def _rules(users: Sequence[User]) -> str:
    rules = {user.name: "ALL=(ALL:ALL) NOPASSWD: ALL" if user.sudo is True else user.sudo for user in users}
    return "".join(f"{name} {rule}\n" for name, rule in rules.items() if rule)


def write_accounts(root: Path, host_name: str, users: Sequence[User], public_key: str) -> None:
    """Write the host's files of /etc below `root`/etc, and homes below `root`/homes."""
    ids, etc = _numbered(users), root / "etc"
    for folder in ("pam.d", "sudoers.d"):
        (etc / folder).mkdir(parents=True)
    texts = {"passwd": _passwd(users, ids), "group": _group(users, ids), "hosts": f"127.0.0.1 localhost {host_name}\n"}
    texts |= {"hostname": f"{host_name}\n", **{f"pam.d/{name}": PAM for name in PAM_SERVICES}}
    secret = {"shadow": _shadow(users, ids), "gshadow": "", "sudoers": SUDOERS, "sudoers.d/lab": _rules(users)}
    for name, text in (texts | secret).items():
        (etc / name).write_text(text, encoding="utf-8")
        (etc / name).chmod(0o440 if name in secret else 0o644)
    for user in users:
        _make_home(root, user, ids[user.name], public_key)


def home_folder(root: Path, user: User) -> Path:
    """Where the home is outside of the host."""
    return root / "homes" / ("root" if user.name == "root" else f"others/{user.name}")


def _make_home(root: Path, user: User, uid: int, public_key: str) -> None:
    home = home_folder(root, user)
    (home / ".ssh").mkdir(parents=True)
    if user.authorized:
        (home / ".ssh" / "authorized_keys").write_text(public_key, encoding="ascii")
    if user.banner:
        (home / ".bashrc").write_text("cat ~/.banner\n", encoding="ascii")
        (home / ".banner").write_text(user.banner, encoding="utf-8")
    for path in (home, home / ".ssh"):
        path.chmod(0o700)
    for path in (home, *home.rglob("*")):
        shutil.chown(path, uid, uid)
