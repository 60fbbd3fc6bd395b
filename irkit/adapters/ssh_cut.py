"""SSH connections that end while they are made. Trying again is left to `ssh_line`."""

from irkit.core.errors import UnreachableError
from irkit.core.text import safe


class CutError(UnreachableError):
    """A connection that ended while it was made, as a bad network does it, or a host that takes no more right now.

    Another attempt may have more luck.
    """


def is_end(error: BaseException | None) -> bool:
    """Whether it is the stream that ended, rather than that something wrong came over it."""
    ends = (EOFError, ConnectionError)
    return error is None or isinstance(error, ends) or isinstance(error.__context__, ends)


def why_cut(error: BaseException | None) -> str:
    """How a connection ended. That it took nothing any more (EPIPE) says no more than that it ended."""
    causes = (error, *((error.__cause__, error.__context__) if error else ()))
    found = (one for one in causes if isinstance(one, OSError) and not isinstance(one, BrokenPipeError))
    said = next((one.strerror for one in found), "")
    return safe(said, 100) if said else "it ended without a word"
