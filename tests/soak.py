"""How often the tests that try one thing at many points do so: `make soak` tries all of them, `make test` some."""

import os
from typing import Final

SOAKING: Final = os.environ.get("IRKIT_SOAK") == "1"


def often(whole: int, usual: int) -> int:
    """How many points of the whole are tried this time."""
    return whole if SOAKING else usual
