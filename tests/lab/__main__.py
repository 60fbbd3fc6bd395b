"""`python -m tests.lab exec -- CMD ARG...`, `setup` and `sweep`: the lab from a command line or a Makefile."""

import argparse
import signal
import subprocess
import sys
from types import FrameType

from .engine import LabError, start_engine
from .setup import ensure_packages
from .sweeping import sweep_now


def say(stage: str) -> None:
    print(f"lab: {stage}", file=sys.stderr, flush=True)


def execute(command: list[str]) -> int:
    """Run a command with an engine of its own; its exit status."""
    ensure_packages()
    say("starting an engine")
    with start_engine() as engine:
        say(f"engine on {engine.host}, running {command[0]}")
        try:
            status = subprocess.run(command, env=engine.environment(), check=False).returncode
        except OSError as error:
            raise LabError(f"{command[0]}: {error.strerror}") from error
        finally:
            say("taking the engine down")
    return status if status >= 0 else 128 - status


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("exec", help="run a command with an engine of its own")
    run.add_argument("command", nargs=argparse.REMAINDER, help="-- CMD ARG...")
    actions.add_parser("setup", help="install what the lab needs")
    actions.add_parser("sweep", help="remove what killed labs left")
    given = parser.parse_args()
    if given.action == "exec":
        given.command = given.command[given.command[:1] == ["--"] :]
        if not given.command:
            parser.error("exec needs a command: exec -- CMD ARG...")
    return given


def _leave(signum: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def main() -> int:
    given = arguments()
    # Being told to end is no reason to leave an engine behind.
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        if given.action == "exec":
            return execute(given.command)
        if given.action == "setup":
            ensure_packages()
            say("everything the lab needs is here")
        else:
            say(f"removed {', '.join(sweep_now()) or 'nothing, nothing was left'}")
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
