"""The report of a bug: where it happened, with versions, and no value of any variable."""

import contextlib
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import irkit


def write_report(error: BaseException) -> str:
    """Write it below the XDG state folder, or else the temporary one; the path, or why there is none."""
    frames = traceback.format_tb(error.__traceback__)
    text = "\n".join(
        [
            f"{type(error).__module__}.{type(error).__name__}",
            f"irkit {irkit.__version__}, Python {platform.python_version()}",
            f"verb {sys.argv[1] if len(sys.argv) > 1 else ''}",
            *frames,
        ]
    )
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, name = tempfile.mkstemp(prefix="irkit-report-", suffix=".txt", dir=folder)
        except OSError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        return name
    return "nowhere: no folder could be written"


def _folders() -> Iterator[Path]:
    """Where a report may go. Whatever made a report needful must not stop it: an account may have no home."""
    with contextlib.suppress(ImportError, RuntimeError, OSError):
        from platformdirs import user_state_path

        yield user_state_path("irkit") / "reports"
    yield Path(tempfile.gettempdir())
