"""`config.yml`: how a responder wants the terminal interface to be, or what is wrong with the file, with its line.

What YAML is accepted is `yaml_document`'s to say. Whether there is a theme of that name, or a binding with that id, is
the terminal interface's: `Configuration.places` has the lines for it.
"""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from irkit.adapters.inventory_kind import has_values
from irkit.adapters.inventory_schema import DRAFT
from irkit.adapters.schema_problems import schema_problems
from irkit.adapters.yaml_document import MAX_BYTES, path_text, read_document
from irkit.core.errors import PlaybookError, UsageError
from irkit.core.text import safe

_ID: Final = r"^[a-z][a-z0-9_.-]{0,59}$(?!\n)"
_Id = Annotated[str, Meta(pattern=_ID, examples=["plan.isolate", "table.down"])]
_Key = Annotated[
    str,
    Meta(
        description="The key, or several with commas between, in place of the usual ones: x, X, f5, ctrl+x, space.",
        min_length=1,
        max_length=100,
    ),
]
_Playbook = Annotated[str, Meta(description="Its name, or the path of its file.", min_length=1, max_length=1000)]


class AtOnce(msgspec.Struct, forbid_unknown_fields=True):
    """The playbooks that a key plans at once."""

    isolate: _Playbook = ""
    collect: _Playbook = ""
    snapshot: _Playbook = ""


class ConfigFile(msgspec.Struct, forbid_unknown_fields=True):
    """How the terminal interface is opened, where the command line does not say otherwise."""

    theme: Annotated[str, Meta(description="Colours, as --theme.", max_length=60)] = ""
    hosts: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=1000)]],
        Meta(description="The hosts that are listed, each as for --host."),
    ] = []
    case: Annotated[str, Meta(description="The case that is worked on, as --case.", max_length=200)] = ""
    responder: Annotated[str, Meta(description="Who is at work, as --responder.", max_length=200)] = ""
    read_only: Annotated[bool, Meta(description="Allow no plan that changes anything, as --read-only.")] = False
    keys: Annotated[dict[_Id, _Key], Meta(description="Other keys, by the id that the help shows.")] = {}
    playbooks: Annotated[AtOnce, Meta(description="The playbooks that I, C and S plan.")] = msgspec.field(
        default_factory=AtOnce
    )


class Configuration(msgspec.Struct, frozen=True):
    """What a file says, and `file:line:column` of each value by the way to it, such as `keys.plan.isolate`."""

    said: ConfigFile
    places: Mapping[str, str]


def terminal_schema() -> dict[str, Any]:
    """The JSON Schema of `config.yml`."""
    (reference,), parts = msgspec.json.schema_components([ConfigFile], ref_template="#/$defs/{name}")
    whole: dict[str, Any] = parts.pop(reference["$ref"].rpartition("/")[2])
    whole["properties"]["playbooks"].pop("default", None)
    return {"$schema": DRAFT, **whole, "title": "irkit config", "$defs": parts}


def read_configuration(path: FilePath) -> Configuration:
    """What the file says. Raises UsageError (PlaybookError where a line can be named) for the first problem."""
    name = safe(path, 200)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{name}: the configuration cannot be read: {error.strerror}") from None
    if not has_values(content.decode("utf-8", "replace")):
        return Configuration(ConfigFile(), {})
    document = read_document(content, name)
    if not isinstance(document.value, dict):
        raise PlaybookError("a configuration is a mapping, such as theme: irkit-light", place=document.place(()))
    problems = [
        (
            document.position(one.path, of_key=one.of_key),
            PlaybookError(one.reason, place=document.place(one.path, of_key=one.of_key), path=path_text(one.path)),
        )
        for one in schema_problems(terminal_schema(), document.value)
    ]
    for _, problem in sorted([*document.problems, *problems], key=lambda pair: pair[0]):
        raise problem
    places = {path_text(way): document.place(way) for way in document.places if way}
    return Configuration(msgspec.convert(document.value, ConfigFile), places)
