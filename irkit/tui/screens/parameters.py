"""A form made of a playbook's parameters: what is wrong with a value is said while it is typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from irkit.app.planning import wrong_parameters
from irkit.core.text import safe
from irkit.tui.notice import Notice
from irkit.tui.screen import IrkitScreen

if TYPE_CHECKING:
    from irkit.core.playbook import Parameter, Playbook


class ParametersScreen(IrkitScreen["dict[str, str] | None"]):
    """Gives the text of each parameter that is not as usual, or None where the responder went back."""

    help_text = (
        "One line a parameter: empty means the usual value. Enter in the last one, or {parameters.done:ctrl+s}, makes"
        " the plan."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "done", "Make the plan", id="parameters.done", priority=True),
        Binding("escape", "back", "Back", id="parameters.back", priority=True),
    ]

    def __init__(self, playbook: Playbook, given: Mapping[str, str]) -> None:
        super().__init__()
        self._playbook, self._given = playbook, dict(given)
        self._names = list(playbook.parameters)

    def compose_body(self) -> Iterable[Widget]:
        yield Notice(Content(f"Parameters of {safe(self._playbook.name, 60)}"))
        with VerticalScroll(classes="pane"):
            for number, name in enumerate(self._names):
                parameter = self._playbook.parameters[name]
                yield Static(_label(name, parameter), markup=False)
                yield Input(self._given.get(name, ""), placeholder=_usual(parameter), id=f"parameter{number}")
                yield Static("", id=f"wrong{number}", markup=False)

    def on_mount(self) -> None:
        """The first is typed into."""
        if self._names:
            self.query_one("#parameter0", Input).focus()
        self._check()

    def _values(self) -> dict[str, str]:
        fields = {name: self.query_one(f"#parameter{number}", Input).value for number, name in enumerate(self._names)}
        return {name: text for name, text in fields.items() if text}

    def _check(self) -> bool:
        wrong = wrong_parameters(self._playbook, self._values())
        for number, name in enumerate(self._names):
            self.query_one(f"#wrong{number}", Static).update(Content.styled(safe(wrong.get(name, ""), 300), "$error"))
        return not wrong

    def on_input_changed(self) -> None:
        """Say what is wrong as it is typed."""
        self._check()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """On to the next one; from the last, to the plan."""
        at = int((event.input.id or "0").removeprefix("parameter"))
        if at + 1 < len(self._names):
            self.query_one(f"#parameter{at + 1}", Input).focus()
        else:
            self.action_done()

    def action_done(self) -> None:
        """Make the plan, where nothing is wrong."""
        if self._check():
            self.dismiss(self._values())
        else:
            self.irkit.say("a parameter is not right yet", "warning")

    def action_back(self) -> None:
        """Leave all as it was."""
        self.dismiss(None)


def _label(name: str, parameter: Parameter) -> Content:
    choices = f", one of {', '.join(parameter.choices)}" if parameter.choices else ""
    about = f"{name} ({parameter.type}{choices}): {parameter.description}"
    return Content(safe(about, 400))


def _usual(parameter: Parameter) -> str:
    if parameter.default is None:
        return "must be given"
    value = parameter.default
    text = (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
    return safe(text or "(empty)", 80)
