"""What the responder's own ssh configuration says of a host: where it is, who logs in, with what, over which hops.

`ssh -G` is asked where OpenSSH's client is installed (`ssh_config_query`); else the files are read here
(`ssh_config_file`). What the values mean is `ssh_config_settings`' subject, and whom to trust `known_hosts`'.
"""

import os
import pwd
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

from irkit.adapters.host_address import is_host, is_user
from irkit.adapters.ssh_config_file import read_config_files
from irkit.adapters.ssh_config_query import ask_openssh, find_openssh
from irkit.adapters.ssh_config_route import parse_hop, split_command
from irkit.adapters.ssh_config_settings import SshSettings, interpret
from irkit.adapters.ssh_config_values import Options, Responder
from irkit.core.errors import UsageError
from irkit.core.text import safe

__all__ = ["Answers", "SshSettings", "parse_hop", "proxy_argv", "read_ssh_settings"]

_HIGHEST_PORT: Final = 65535
Answers = MutableMapping[tuple[str, str, int], Options]
"""What was said of hosts, by alias, user and port, under one environment, home and configuration."""


def read_ssh_settings(
    alias: str,
    *,
    user: str = "",
    port: int = 0,
    environment: Mapping[str, str],
    home: Path,
    config: Path | None = None,
    known: Answers | None = None,
) -> SshSettings:
    """What is configured for a host. `user` and `port` go before what the files say; `config` is read in their place.

    OpenSSH takes the home folder from the password database, whatever HOME says, and so does this where it is
    installed; else `home` counts. What is in `known` is not asked for again; which of the files that it names are there
    is looked up each time. Raises UsageError for names that ssh should not be given, and for what it refuses.
    """
    _check(alias, user, port)
    responder = _responder(environment, home)
    program = find_openssh(environment)
    if not program:
        responder = Responder(responder.login, home, environment)
    asked = (alias, user, port)
    options = known.get(asked) if known is not None else None
    if options is None:
        if program:
            options = ask_openssh(program, alias, user=user, port=port, config=config, environment=environment)
        else:
            options = read_config_files(alias, responder, user=user, port=port, config=config)
        if known is not None:
            known[asked] = options
    return interpret(alias, options, responder)


def proxy_argv(settings: SshSettings) -> list[str]:
    """The ProxyCommand of a host as an argument list. Raises UsageError for what takes a shell."""
    for name, fits in ((settings.host_name, is_host), (settings.user, is_user)):
        if not fits(name):
            raise UsageError(f"{safe(name, 100)!r} is not given to a ProxyCommand: a shell could take it for more")
    tokens = {"h": settings.host_name, "n": settings.alias, "p": str(settings.port), "r": settings.user}
    return split_command(settings.proxy_command, tokens, settings.home)


def _check(alias: str, user: str, port: int) -> None:
    if not is_host(alias):
        raise UsageError(f"{safe(alias, 100)!r} is neither a name nor an address that ssh could be asked for")
    if user and not is_user(user):
        raise UsageError(f"{safe(user, 100)!r} is not a user's name")
    if not 0 <= port <= _HIGHEST_PORT:
        raise UsageError(f"the port must be a number from 1 to {_HIGHEST_PORT}, and not {port}")


def _responder(environment: Mapping[str, str], home: Path) -> Responder:
    """Who runs this, by the password database; by the environment where they are not in it."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        login = environment.get("LOGNAME") or environment.get("USER") or str(os.getuid())
        return Responder(login, home, environment)
    return Responder(entry.pw_name, Path(entry.pw_dir), environment)
