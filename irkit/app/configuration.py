"""How the terminal interface is opened: what the command line says, and where it says nothing the responder's file."""

from __future__ import annotations  # see the imports for types only, below

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from irkit.app.opened import Opened

if TYPE_CHECKING:
    from irkit.app.setting import Setting


def configuration_file(setting: Setting) -> Path:
    """The file: IRKIT_CONFIG, else config.yml in the XDG configuration folder."""
    if named := setting.environment.get("IRKIT_CONFIG"):
        return Path(named)
    from platformdirs import user_config_path

    return user_config_path("irkit") / "config.yml"


def configured(setting: Setting, asked: Opened) -> Opened:
    """What was asked for, with what the file says for the rest. Raises UsageError where the file is not right.

    A file that was named must be there.
    """
    from irkit.adapters.terminal_config import read_configuration

    path = configuration_file(setting)
    if not setting.environment.get("IRKIT_CONFIG") and not path.exists():
        return asked
    found = read_configuration(path)
    said = found.said
    return Opened(
        hosts=asked.hosts or tuple(said.hosts),
        case=asked.case or said.case,
        responder=asked.responder or said.responder,
        read_only=asked.read_only or said.read_only,
        theme=asked.theme or said.theme,
        no_color=asked.no_color,
        keys=said.keys,
        playbooks={kind: name for kind, name in to_builtins(said.playbooks).items() if name},
        places={way: place for way, place in found.places.items() if way != "theme" or not asked.theme},
    )


def schema_of_configuration() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    from irkit.adapters.terminal_config import terminal_schema

    return terminal_schema()
