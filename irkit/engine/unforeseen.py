"""What nobody foresaw: the one place below the front end that catches everything (docs/adr/0023).

One piece of work, of one operation or one container, ends with it; whatever goes on beside it does not.
"""

import traceback
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Final, TypeVar

from irkit.core.errors import StorageError
from irkit.core.events import BugMet

_T = TypeVar("_T")
_MOST_PLACES: Final = 30
"""Places in code that are told of one exception: the last before it was raised."""
_MOST_CAUSES: Final = 5


def shield(work: Callable[[], _T], broke_off: Callable[[Exception], _T]) -> _T:
    """What the work gives; where it raises, what `broke_off` makes of that. A disk that takes no more is no bug."""
    try:
        return work()
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - see the module's docstring
        return broke_off(error)


def reason_of(error: Exception) -> str:
    """The reason of a failure, in a line. What the exception says of itself may be a secret or foreign: left out."""
    return f"a bug in irkit ({type(error).__name__}): the run log says where"


def bug_met(error: Exception, work: str, *, host: str, container: str = "") -> BugMet:
    """The record of an exception: where in the code, and no value of any variable. `container` is a key."""
    return BugMet(work=work, host=host, container=container, error=type(error).__name__, trace=tuple(_places_of(error)))


def _places_of(error: BaseException) -> Iterator[str]:
    """The places in code, outermost first; after those of an exception those of what led to it."""
    one: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if one is None:
            return
        yield f"{type(one).__module__}.{type(one).__qualname__}"
        for frame in traceback.extract_tb(one.__traceback__, limit=-_MOST_PLACES):
            yield f"{_module(frame.filename)}, line {frame.lineno}, in {frame.name}"
        one = one.__cause__ or one.__context__


def _module(file: str) -> str:
    """A file of code from its package on: where that is installed is nobody's concern."""
    parts = PurePath(file).parts
    starts = [number for number, part in enumerate(parts) if part in ("irkit", "site-packages")]
    return "/".join(parts[starts[-1] :] if starts else parts[-2:])
