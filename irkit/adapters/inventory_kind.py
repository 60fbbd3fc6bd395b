"""What kind of inventory a text is: irkit's own, or one of Ansible's. Told by what it holds, whatever it is called."""

import re
from typing import Final, Literal

from irkit.adapters.ansible_yaml import read_plain
from irkit.core.errors import UsageError

Kind = Literal["irkit", "ansible-ini", "ansible-yaml"]

_IRKIT_KEYS: Final = ("hosts", "defaults")
_GROUP_KEYS: Final = frozenset({"hosts", "children", "vars"})
_OWN_LINE: Final = re.compile(r"^(?:hosts|defaults)[ \t]*:", re.MULTILINE)
# How YAML begins; the first word of a line in an INI inventory never ends with a colon.
_YAML_LINE: Final = re.compile(r"""---|%YAML|[{]|-[ ]|(?:"[^"]*"|'[^']*'|[^\s\[=#][^\s=]*)[ ]*:(?:\s|$)""")


def kind_of(text: str) -> Kind:
    """The kind of inventory. A text without values is irkit's own, with no hosts yet."""
    lines = (line for line in text.splitlines() if line.strip() and line.lstrip()[0] not in "#;")
    first = next(lines, "---")
    if not _YAML_LINE.match(first):
        return "ansible-ini"
    try:
        found = read_plain(text, "")
    except UsageError:  # what is wrong is said by the reader of the format that it looks like
        return "irkit" if _OWN_LINE.search(text) else "ansible-yaml"
    return "irkit" if _is_irkit(found) else "ansible-yaml"


def has_values(text: str) -> bool:
    """Whether there is anything in a YAML file but comments."""
    lines = (line.strip() for line in text.splitlines())
    return any(line and line != "---" and not line.startswith("#") for line in lines)


def _is_irkit(found: object) -> bool:
    """Ansible's files hold groups, and these are mappings with keys of their own."""
    if not isinstance(found, dict) or any(isinstance(value, list) for value in found.values()):
        return True
    own = [found[key] for key in _IRKIT_KEYS if key in found]
    return bool(own) and not any(isinstance(one, dict) and _GROUP_KEYS & set(one) for one in own)
