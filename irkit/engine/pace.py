"""How often something is done again that somebody else keeps undoing: at once, then at growing pauses."""

from collections import deque
from dataclasses import dataclass, field

MOST, WITHIN = 20, 60.0
"""So many times within so many seconds, and no further before a pause."""
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0


@dataclass
class Pace:
    """The times of what was done, in seconds of a clock that only goes forward; `pause` is the wait after the last."""

    times: deque[float] = field(default_factory=lambda: deque(maxlen=MOST))
    pause: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds to wait before it may be done again; 0 for none. A quiet while takes the pauses back."""
        if not (self.pause and self.times):
            return 0.0
        since = now - self.times[-1]
        if since > WITHIN + self.pause:
            self.pause = 0.0
        return max(0.0, self.pause - since)

    def take(self, now: float) -> bool:
        """Count that it is done now; whether that was once too often, which is told the first time only."""
        self.times.append(now)
        if self.pause:
            self.slow_down()
            return False
        if len(self.times) < MOST or now - self.times[0] > WITHIN:
            return False
        self.slow_down()
        return True

    def slow_down(self) -> None:
        """Have the next pause be longer."""
        self.pause = min(2 * self.pause, _LONGEST_PAUSE) if self.pause else _FIRST_PAUSE
