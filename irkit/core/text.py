"""What foreign text becomes before it reaches a terminal, a path or a log.

Everything a container, host or engine says is hostile. `safe` is the only way to a terminal,
`file_name` the only way to a path.
"""

import hashlib
import re
import unicodedata
from typing import NewType

Safe = NewType("Safe", str)
"""Text of one line that a terminal shows and does not obey: what `safe` makes."""

# Controls, format characters (bidi, zero-width), surrogates, unassigned and private ones, line separators, and spaces
# that cannot be told from the plain one by looking at them.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
# Of other categories, and yet nothing is shown for them (Unicode's Default_Ignorable_Code_Point; braille blank).
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_PRINTABLE = re.compile(r"[ -~]*\Z")
_NOT_NAME = re.compile(r"[^a-z0-9._-]+")
_LIKE_ALTERED = re.compile(r".*-[0-9a-f]{8}")
NAME_LIMIT = 100


def _is_shown(char: str) -> bool:
    """Whether a terminal shows it as what it is."""
    return char == " " or not (unicodedata.category(char) in _UNSAFE_CATEGORIES or _INVISIBLE.match(char))


def _visible(char: str) -> str:
    if _is_shown(char):
        return char
    code = ord(char)
    if code < 0x20:  # noqa: PLR2004 - the C0 controls have pictures of their own
        return chr(0x2400 + code)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def safe(text: object, limit: int = 1000) -> Safe:
    """Text of foreign origin as one line that a terminal shows and does not obey.

    Controls, C1, bidi and zero-width characters become visible, and spaces other than the plain one; what would be
    longer than `limit` is cut and the cut is said.
    """
    whole = str(text)
    kept, taken = whole[:limit], min(len(whole), limit)
    if not _PRINTABLE.match(kept):
        kept, taken = _visible_start(kept, limit)
    left = len(whole) - taken
    return Safe(f"{kept}… ({left} more characters)" if left > 0 else kept)


def _visible_start(text: str, limit: int) -> tuple[str, int]:
    """As much of a text as fits into the limit once it is visible, and how many characters of it that is."""
    parts: list[str] = []
    length = 0
    for char in text:
        part = _visible(char)
        length += len(part)
        if length > limit:
            break
        parts.append(part)
    return "".join(parts), len(parts)


def file_name(foreign: str, limit: int = NAME_LIMIT) -> str:
    """A file name of `[a-z0-9._-]` only, at most `limit` long, for a foreign name.

    Names that had to be altered, or look as if they had been, get eight digits of their SHA-256: different names meet
    only where somebody worked at it. The result never starts with a dot or a hyphen and is never empty. `limit` is
    at least 9.
    """
    clean = _NOT_NAME.sub("-", foreign.lower()).strip("-.")
    if clean and clean == foreign and len(clean) <= limit and not _LIKE_ALTERED.fullmatch(clean):
        return clean
    digest = hashlib.sha256(foreign.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{clean[: limit - 9]}-{digest}".lstrip("-.")


def escaped(raw: bytes, also: str = "") -> str:
    """Foreign bytes as one line from which they can be had back: nothing is lost, nothing is obeyed.

    A backslash is doubled; controls, bytes that are no UTF-8, what `safe` would make visible and the characters of
    `also` become `\\xNN`, a byte each.
    """
    text = raw.decode("utf-8", "surrogateescape")
    if _PRINTABLE.match(text) and "\\" not in text and not (also and any(char in text for char in also)):
        return text
    return "".join(_escaped(char, also) for char in text)


def _escaped(char: str, also: str) -> str:
    if char == "\\":
        return "\\\\"
    if char not in also and _is_shown(char):
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
