"""`irkit`, and `python -m irkit`: the one place that knows both front ends."""

from typing import TYPE_CHECKING

from irkit.cli import main as run_verbs

if TYPE_CHECKING:
    from irkit.app import Setting
    from irkit.app.opened import Opened


def main() -> None:
    """The verbs, and without one the terminal interface."""
    run_verbs(_open_terminal)


def _open_terminal(setting: "Setting", opened: "Opened") -> int:
    from irkit.tui.start import open_terminal

    return open_terminal(setting, opened)


if __name__ == "__main__":
    main()
