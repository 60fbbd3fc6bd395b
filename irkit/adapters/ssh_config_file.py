"""Reading ssh's configuration files where OpenSSH's client is not installed: `Host`, `Match`, `Include`.

It is read as OpenSSH reads it, the first value of a keyword counting. `Match` by `exec` and by what only a running ssh
knows is not done: what it would set is left out, and the notes say so. paramiko's own reader is not used, because it
misreads in silence what it cannot read (5.1): a block with an unknown `Match` counts as one that fits, `Match exec` is
run for as long as it takes, blocks are matched a second time with what they set, quotes and comments stay in values.
"""

import glob
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from irkit.adapters.ssh_config_lines import ConfigLine, read_lines
from irkit.adapters.ssh_config_values import Expansion, Options, Responder
from irkit.adapters.ssh_pattern import matches_list
from irkit.core.errors import UsageError
from irkit.core.text import safe

SYSTEM_FOLDER: Final = Path("/etc/ssh")
_DEEPEST: Final = 16
_MOST_FILES: Final = 1000
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_COMMANDS: Final = frozenset({"proxycommand", "knownhostscommand"})
_SEVERAL: Final = frozenset({"identityfile", "certificatefile"})
_FILE_LISTS: Final = frozenset({"userknownhostsfile", "globalknownhostsfile", "revokedhostkeys"})
_SINGLE: Final = frozenset(
    {
        "addressfamily", "batchmode", "bindaddress", "bindinterface", "canonicalizehostname", "connecttimeout",
        "hashknownhosts", "hostkeyalgorithms", "hostkeyalias", "hostname", "identitiesonly", "identityagent",
        "kbdinteractiveauthentication", "nohostauthenticationforlocalhost",
        "passwordauthentication", "pkcs11provider", "port", "preferredauthentications", "proxyusefdpass",
        "pubkeyauthentication", "requiredrsasize", "stricthostkeychecking", "user", "verifyhostkeydns",
    }
)  # fmt: skip
_NOT_SET: Final = ("connecttimeout", "none")  # to ssh it is as if it was not there, and a later one counts
_OLD_NAMES: Final = {"challengeresponseauthentication": "kbdinteractiveauthentication"}
_NEEDS_OPENSSH: Final = frozenset(
    {"exec", "canonical", "final", "localnetwork", "tagged", "sessiontype", "version", "command"}
)


@dataclass
class ConfigReader:
    """What the files say of one host, as they are read one after the other."""

    alias: str
    responder: Responder
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    files: int = 0

    def read(self, path: Path, folder: Path, *, applies: bool = True, depth: int = 0) -> None:
        """Take what a file says. `folder` is where relative `Include`s are. Raises OSError, UsageError."""
        self.files += 1
        if depth > _DEEPEST or self.files > _MOST_FILES:
            raise UsageError(f"{safe(path, 200)}: Include goes too deep, or in circles")
        here = applies
        for line in read_lines(path):
            match line.keyword:
                case "host":
                    here = applies and _is_among(self.alias, line.words())
                case "match":
                    here = self._fits(line) and applies
                case "include":
                    self._include(line, folder, applies=here, depth=depth)
                case _ if here:
                    self._take(line)

    def _include(self, line: ConfigLine, folder: Path, *, applies: bool, depth: int) -> None:
        expansion = Expansion(self.responder.home, environment=self.responder.environment)
        for word in line.words():
            pattern = folder / expansion.path("Include", word)
            for name in sorted(glob.glob(str(pattern))):  # noqa: PTH207 - as glob(3), which leaves hidden files out
                _refuse_foreign(Path(name))
                try:
                    self.read(Path(name), folder, applies=applies, depth=depth + 1)
                except FileNotFoundError:
                    continue  # as ssh does: a link to nowhere
                except OSError as error:
                    raise UsageError(f"{line.place}: {safe(name, 200)} cannot be read: {error.strerror}") from error

    def _take(self, line: ConfigLine) -> None:
        keyword = _OLD_NAMES.get(line.keyword, line.keyword)
        if keyword == "proxyjump" and "proxycommand" not in self.values:
            self.values.setdefault(keyword, (line.whole().partition("#")[0].rstrip(),))
        elif keyword in _COMMANDS and (keyword != "proxycommand" or self._has_no_jump()):
            self.values.setdefault(keyword, (line.whole(),))
        elif keyword in _SEVERAL:
            self.values[keyword] = tuple(dict.fromkeys((*self.values.get(keyword, ()), line.word())))
        elif keyword in _FILE_LISTS:
            self.values.setdefault(keyword, tuple(line.words()))
        elif keyword in _SINGLE and (keyword, line.word().lower()) != _NOT_SET:
            self.values.setdefault(keyword, (line.word(),))

    def _has_no_jump(self) -> bool:
        return self.values.get("proxyjump", ("none",))[0].lower() == "none"

    def _fits(self, line: ConfigLine) -> bool:
        """Whether a `Match` fits, as far as that can be told here; where it can't, it is taken not to."""
        words, fits, unread = line.words(), True, []
        while words:
            criterion, equals, value = words.pop(0).partition("=")
            name = criterion.removeprefix("!").lower()
            if name in ("all", "canonical", "final"):
                met = name == "all"
            elif words or equals:
                met = self._meets(name, value if equals else words.pop(0))
            else:
                raise UsageError(f"{line.place}: Match {safe(name, 40)} says not what it has to match")
            if name in _NEEDS_OPENSSH:
                unread.append(name)
            elif name not in ("all", "host", "originalhost", "user", "localuser"):
                raise UsageError(f"{line.place}: there is no Match by {safe(name, 40)!r}")
            else:
                fits = fits and met != criterion.startswith("!")
        if fits and unread:
            note = f"{line.place}: Match {', '.join(unread)} is left out with all that it sets: it needs OpenSSH"
            self.notes += [note] if note not in self.notes else []
        return fits and not unread

    def _meets(self, name: str, patterns: str) -> bool:
        configured = self.values.get("hostname")
        host = (
            Expansion(self.responder.home, {"h": self.alias}).expand("HostName", configured[0])
            if configured
            else self.alias
        )
        match name:
            case "host":
                return _is_among(host.lower(), patterns.lower().split(","))
            case "originalhost":
                return _is_among(self.alias.lower(), patterns.lower().split(","))
            case "user":
                return _is_among(self.values.get("user", (self.responder.login,))[0], patterns.split(","))
            case "localuser":
                return _is_among(self.responder.login, patterns.split(","))
            case _:
                return False


def _is_among(name: str, patterns: Sequence[str]) -> bool:
    return matches_list(os.fsencode(name), tuple(os.fsencode(pattern) for pattern in patterns))


def read_config_files(alias: str, responder: Responder, *, user: str, port: int, config: Path | None) -> Options:
    """What the responder's files say of a host: `config`, else ~/.ssh/config and the system's. Raises UsageError."""
    reader = ConfigReader(alias, responder)
    if user:
        reader.values["user"] = (user,)
    if port:
        reader.values["port"] = (str(port),)
    own = responder.home / ".ssh"
    if config:
        _read_first(reader, config, own, must_exist=True)
    else:
        _refuse_foreign(own / "config")
        _read_first(reader, own / "config", own)
        _read_first(reader, SYSTEM_FOLDER / "ssh_config", SYSTEM_FOLDER)
    return Options(values=reader.values, notes=tuple(reader.notes))


def _read_first(reader: ConfigReader, path: Path, folder: Path, *, must_exist: bool = False) -> None:
    try:
        reader.read(path, folder)
    except OSError as error:
        if must_exist or not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise UsageError(f"{safe(path, 200)} cannot be read: {error.strerror}") from error


def _refuse_foreign(path: Path) -> None:
    """Refuse a file that others may write to, as ssh does: what it says is run, and trusted."""
    try:
        facts = path.stat()
    except OSError:
        return
    if facts.st_uid not in (0, os.getuid()) or facts.st_mode & _WRITABLE_BY_OTHERS:
        raise UsageError(f"{safe(path, 200)} is not used, as ssh refuses it too: others may write to it (chmod go-w)")
