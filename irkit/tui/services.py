"""What the screens work with: the parts of `app` that outlive any screen, and how irkit was started."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from irkit.app import Setting, responder_name
from irkit.app.evidence_seen import EvidenceSeen
from irkit.app.exports import Exports
from irkit.app.live import Live
from irkit.app.live_use import LiveUse
from irkit.app.looks import Looks
from irkit.app.not_shown import NotShown
from irkit.app.opened import Opened
from irkit.app.run_service import RunService


class Clock:
    """The responder's clock, as screens show it."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        return datetime.now(UTC)


@dataclass
class Services:
    """The parts that live as long as the app."""

    setting: Setting
    opened: Opened
    live: Live
    runs: RunService
    clock: Clock = field(default_factory=Clock)
    case: str = ""
    named: str = ""
    """Who is at work, where they said so since irkit was opened."""
    told: deque[str] = field(default_factory=deque)
    """What is to be known of how hosts are found and reached, the last of it."""

    def __post_init__(self) -> None:
        self.looks = Looks(self.live)
        self.evidence = EvidenceSeen(self.setting)
        self.exports = Exports(self.setting, self.live)
        self.use = LiveUse(Looks(self.live).stats)
        self.not_shown = NotShown(self.setting)
        self.case = self.case or self.opened.case

    @property
    def responder(self) -> str:
        """Who is at work, as the log names them."""
        return self.named or self.opened.responder or responder_name(self.setting.environment)

    def close(self) -> None:
        """Let go of all hosts; a run that goes on has hosts of its own."""
        self.live.close()


def open_services(setting: Setting, opened: Opened) -> Services:
    """The parts, with all hosts being looked at from now on. Raises UsageError, NoTargetError."""
    live = Live(setting, opened.hosts)
    live.start()
    return Services(setting, opened, live, RunService(setting))
