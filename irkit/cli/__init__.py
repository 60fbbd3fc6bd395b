"""The headless front end: one file a verb, loaded when it is called.

Here are the group, the last-resort handler, and nothing of what verbs do. Exit statuses: docs/exit-status.md.
"""

import contextlib
import errno
import importlib
import sys
from typing import Any, NoReturn

import click

from irkit.cli import streams
from irkit.cli.terminal import OpenTerminal, is_terminal, open_with, with_terminal_options
from irkit.core.errors import IrkitError
from irkit.core.text import safe

VERBS = (
    *("ls", "inspect", "look", "plan", "run", "undo", "show", "case", "verify", "seal", "hosts", "playbooks", "export"),
    *("completion", "demo"),
)
SUMMARIES = {
    "ls": "List the containers of hosts.",
    "inspect": "Show what the engine knows of a container.",
    "look": "Show the processes, network, files or logs of a container as they are now.",
    "plan": "Show every operation of a playbook before anything is done.",
    "run": "Run a playbook and write an evidence bundle.",
    "undo": "Take back what a run changed.",
    "show": "Show a run: what was done, collected and is still changed; or all runs.",
    "case": "Show what was done and noted in a case, or write a note.",
    "verify": "Check a bundle: every file, the manifests and the chain of the log.",
    "seal": "Seal the bundle of a run that was killed.",
    "hosts": "List, check and add hosts; record their keys.",
    "playbooks": "List, show and validate playbooks; print their schema.",
    "export": "Write what a bundle holds in a form that other tools read.",
    "completion": "Print what makes a shell complete irkit's words.",
    "demo": "Contain, preserve and release a container made for the purpose.",
}
FAILED, USAGE, BUG, INTERRUPTED = 1, 2, 70, 130
_DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class VerbGroup(click.Group):
    """A group whose verbs are imported when they are called: help and errors stay fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return getattr(importlib.import_module(f"irkit.cli.{cmd_name}"), "command", None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, SUMMARIES[verb]) for verb in VERBS])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f": did you mean {near[0]}?" if near else f": the verbs are {', '.join(VERBS)}"
            raise click.UsageError(f"there is no verb {safe(args[0], 80)!r}{hint}")
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from irkit.app import versions

    found = versions()
    click.echo(f"irkit {found.pop('irkit')} ({', '.join(f'{name} {version}' for name, version in found.items())})")
    ctx.exit()


@click.group(cls=VerbGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Versions.")
@with_terminal_options
@click.pass_context
def cli(ctx: click.Context, /, **asked: Any) -> None:
    """Incident response for containers: see, preserve, contain, take back, and prove it.

    Without a verb, the terminal interface opens; the options above the verbs are for that, a verb has its own.
    """
    if ctx.invoked_subcommand is not None:
        _check_no_options(ctx)
    elif ctx.obj is not None and is_terminal():
        ctx.exit(open_with(ctx.obj, **asked))
    else:
        click.echo(ctx.get_help())


def _check_no_options(ctx: click.Context) -> None:
    """What stands before a verb would be lost. Raises UsageError."""
    given = [name for name in ctx.params if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if given:
        option = f"--{given[0].replace('_', '-').removesuffix('s')}"
        raise click.UsageError(f"{option} stands before the verb {ctx.invoked_subcommand}: put it behind")


def main(open_terminal: "OpenTerminal | None" = None) -> None:
    """The entry point: every way out has a status, and a one-line reason on standard error."""
    streams.prepare()
    try:
        _check_words(sys.argv[1:])
        sys.exit(cli(prog_name="irkit", standalone_mode=False, obj=open_terminal) or 0)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "irkit"
        _say(f"{where}: {error.format_message()}")
        sys.exit(USAGE)
    except IrkitError as error:
        _say(f"irkit: {error}")
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, click.Abort):
        _say("irkit: interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        streams.forget(sys.stdout, sys.stderr)  # whoever read us has gone; there is nobody to tell
        sys.exit(FAILED)
    except OSError as error:
        if error.errno not in _DISK_FAULTS:
            _report(error)
        streams.forget(sys.stdout)  # evidence has errors of its own: this is the output, redirected to a file
        _say(f"irkit: the output cannot be written: {error.strerror}")
        sys.exit(FAILED)
    except Exception as error:  # noqa: BLE001 - the last resort: nothing else in irkit catches everything
        _report(error)


def _report(error: Exception) -> NoReturn:
    from irkit.cli.report import write_report

    _say(f"irkit: a bug: {type(error).__name__}; a report to send is at {write_report(error)}")
    sys.exit(BUG)


def _check_words(words: list[str]) -> None:
    """Words that are no text could not be written into a log. Raises UsageError."""
    for word in words:
        if not word.isascii() and any("\ud800" <= char <= "\udfff" for char in word):
            raise click.UsageError(f"{safe(word, 80)!r} is not UTF-8")


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(safe(line, 4000), err=True)
