"""The command line within this process, on hosts in memory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from click.testing import CliRunner

from irkit.app import Setting
from irkit.cli import cli, options
from irkit.core.errors import IrkitError
from tests.app.hosts_in_memory import Place


class Ended:
    """How a verb ended."""

    def __init__(self, status: int, out: str, err: str, error: str) -> None:
        self.status, self.out, self.err, self.error = status, out, err, error

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@contextmanager
def hosts_of(place: Place, evidence: Path | None = None) -> Iterator[None]:
    """Have all verbs reach these hosts."""

    def setting(self: options.Chosen, folder: Path | None = None) -> Setting:
        found = place.setting(folder or evidence, self.jobs)
        found.inventory, found.tell = self.inventory, options.tell
        return found

    with mock.patch.object(options.Chosen, "setting", setting):
        yield


def irkit(place: Place, *words: str, evidence: Path | None = None, typed: str | None = None) -> Ended:
    """A verb to its end."""
    with hosts_of(place, evidence):
        done = CliRunner().invoke(cli, words, prog_name="irkit", standalone_mode=False, input=typed)
    error = done.exception
    if error is None or isinstance(error, SystemExit):
        status = done.return_value if isinstance(done.return_value, int) else done.exit_code
        return Ended(status, done.stdout, done.stderr, "")
    if not isinstance(error, IrkitError):
        raise error
    return Ended(error.exit_status, done.stdout, done.stderr, str(error))
