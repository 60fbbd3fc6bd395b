"""ssh configurations that tests write, read the two ways: by the real ssh, and where there is none."""

import os
import pwd
from pathlib import Path
from typing import Any

from irkit.adapters.ssh_config import SshSettings, read_ssh_settings

WITH_OPENSSH = "with OpenSSH"
WITHOUT = "without OpenSSH"
WAYS = (WITH_OPENSSH, WITHOUT)
OWN_HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)
LOGIN = pwd.getpwuid(os.getuid()).pw_name


def environment(way: str, **more: str) -> dict[str, str]:
    """The environment of a responder who has OpenSSH's client, or has not."""
    return {"PATH": os.environ["PATH"] if way == WITH_OPENSSH else "/nonexistent", **more}


def read(folder: Path, text: str, alias: str = "web", *, way: str, **more: Any) -> SshSettings:
    """What a configuration with that text says of a host. `variables` are put into the environment."""
    config = folder / "config"
    config.write_text(text, encoding="utf-8")
    config.chmod(0o600)
    variables = more.pop("variables", {})
    return read_ssh_settings(
        alias, environment=environment(way, **variables), home=more.pop("home", OWN_HOME), config=config, **more
    )


def fake_ssh(folder: Path, script: str) -> dict[str, str]:
    """An environment in which ssh is a shell script that says it is OpenSSH, and names the host."""
    program = folder / "bin" / "ssh"
    program.parent.mkdir(exist_ok=True)
    start = '#!/bin/sh\nif [ "$1" = -V ]; then echo OpenSSH_9.2p1 >&2; exit; fi\n'
    program.write_text(f"{start}{script}\necho hostname web\n", encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}
