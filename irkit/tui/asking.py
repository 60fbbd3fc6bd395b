"""Asking for secrets while the screens are up: in the terminal proper, one question at a time, remembered in memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from irkit.cli.asking import TerminalAsk

if TYPE_CHECKING:
    from irkit.core.ports import Ask
    from irkit.tui.app import IrkitApp

_WRONG: Final = "That was wrong. "
"""How a question begins that is asked again (adapters/ssh_secrets.py)."""
_OF_THE_HOST: Final = "what you type goes to that host: "
"""How a question ends that is the host's own (adapters/ssh_auth.py): a code that is good once, say."""


class SuspendedAsk:
    """Puts the screens aside, asks on the terminal, and brings them back. Called on the threads that reach hosts.

    What was answered is remembered until irkit ends, so that a plan, which connects anew, asks nobody twice; all but
    what a host asks in words of its own, which it may want to be another answer each time.
    """

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask: Ask = ask or TerminalAsk()
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}
        self._ready = threading.Event()
        self._app: IrkitApp | None = None

    def attach(self, app: IrkitApp) -> None:
        """From now on there are screens to be put aside."""
        self._app = app
        self._ready.set()

    def detach(self) -> None:
        """The screens are gone for good: nobody is asked any more."""
        self._app = None
        self._ready.set()

    def __call__(self, prompt: str) -> str | None:
        """What was typed; None where nobody can be asked, or nothing was typed."""
        with self._lock:
            question = prompt.removeprefix(_WRONG)
            if question != prompt:
                self._known.pop(question, None)
            if question in self._known:
                return self._known[question]
            self._ready.wait()
            answer = self._asked(prompt)
            if answer is not None and not prompt.endswith(_OF_THE_HOST):
                self._known[question] = answer
            return answer

    def _asked(self, prompt: str) -> str | None:
        app = self._app
        if app is None or app.is_headless:
            return None
        try:
            return app.call_from_thread(app.ask_aside, self._ask, prompt)
        except RuntimeError:  # the app ended while it was asked
            return None
