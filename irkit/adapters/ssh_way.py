"""The way to a host as the responder's configuration has it: the host's settings, and those of the hops before it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from irkit.adapters.ssh_config import Answers, SshSettings, parse_hop, read_ssh_settings
from irkit.adapters.ssh_secrets import Secrets
from irkit.core.errors import UsageError
from irkit.core.host import Host
from irkit.core.text import safe

_MOST_HOPS: Final = 8


@dataclass(frozen=True)
class Ways:
    """What all connections of a verb share: the responder's environment, configuration and secrets.

    ssh is asked for its configuration of a host once (`answers`), however often the host is connected to: a
    configuration that is edited meanwhile counts from the next verb on.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    home: Path = Path("/")
    config: Path | None = None
    secrets: Secrets = field(default_factory=Secrets)
    answers: Answers = field(default_factory=dict)

    def without_asking(self) -> "Ways":
        """The same, with nobody asked for secrets that are not known by then."""
        return replace(self, secrets=self.secrets.told())


def settings_of(host: Host, ways: Ways) -> list[SshSettings]:
    """What the responder's configuration says of a host and of the hops before it, first hop first.

    Raises UsageError.
    """
    jump = tuple(filter(None, (part.strip() for part in host.jump.split(",")))) if host.jump else None
    return _way_to(host.address or host.name, host.user, host.port, jump, ways, 0)


def _way_to(
    alias: str, user: str, port: int, jump: tuple[str, ...] | None, ways: Ways, depth: int
) -> list[SshSettings]:
    if depth > _MOST_HOPS:
        raise UsageError(f"the way to {safe(alias, 100)!r} takes over {_MOST_HOPS} hops: does ProxyJump go in circles?")
    settings = read_ssh_settings(
        alias,
        user=user,
        port=port,
        environment=ways.environment,
        home=ways.home,
        config=ways.config,
        known=ways.answers,
    )
    found: list[SshSettings] = []
    for number, text in enumerate(settings.proxy_jump if jump is None else jump):
        hop, hop_user, hop_port = parse_hop(text)
        # Only the first hop is reached as its own configuration says; each further one through the hop before it.
        found += _way_to(hop, hop_user, hop_port, None if number == 0 else (), ways, depth + 1)
    return [*found, settings]
