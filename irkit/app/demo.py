"""The demonstration: something to show irkit on, on the responder's own engine."""

from __future__ import annotations  # see the imports for types only, below

from typing import TYPE_CHECKING, Protocol

from irkit.adapters.clock import SystemClock
from irkit.adapters.engine_address import engine_socket
from irkit.adapters.engine_wire import dial_unix
from irkit.app.fleet import LOOK_TIME
from irkit.engine.deadline import Cancel, OperationDeadline

if TYPE_CHECKING:
    from irkit.app.setting import Setting


class Demo(Protocol):
    """What there is to be shown: a suspect, and an outside that it talks to."""

    suspect: str
    outside: str

    def build(self, image: str = "") -> str: ...
    def received(self) -> int: ...
    def state(self) -> dict[str, object]: ...
    def clean(self) -> list[str]: ...


def open_demo(setting: Setting) -> Demo:
    """The demonstration on the responder's engine; nothing is made yet. Raises UsageError."""
    from irkit.adapters.demo_host import DemoHost
    from irkit.adapters.engine_http import EngineApi

    path = engine_socket(setting.environment, setting.home)
    clock = SystemClock()
    return DemoHost(EngineApi(dial_unix(path)), OperationDeadline(clock, 600.0, LOOK_TIME, Cancel()))
