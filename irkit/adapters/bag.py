"""The BagIt side of a bundle: names that are allowed, manifests and tag files as text, and back, in one exact form.

Reading and writing the files, and what is in the payload, is for others.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from irkit.core.text import file_name, safe

FORMAT: Final = "1"
ALGORITHMS: Final = ("sha256", "sha512")
DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
LOG: Final = "data/log/run.jsonl"
TORN: Final = "data/log/run.torn"
ITEMS: Final = "metadata/items.jsonl"
BUNDLE: Final = "metadata/bundle.json"
PLAN: Final = "metadata/plan.json"
PLAYBOOK: Final = "metadata/playbook.yaml"
TOOL: Final = "metadata/tool.json"
INFO: Final = "bag-info.txt"
INFO_LABELS: Final = (
    "Contact-Name",
    "External-Identifier",
    "Bagging-Date",
    "Bag-Software-Agent",
    "Payload-Oxum",
    "Bag-Group-Identifier",
    "Irkit-Format",
    "Irkit-Encryption",
    "Irkit-Log-Head",
)
# Room for a number, an extension and the hundred characters that a part of a path may have.
PART_LIMIT: Final = 88
_LOG_FOLDER: Final = LOG.split("/")[1]
# As `file_name` alters names: with the beginning of the SHA-256 of the name.
_LOG_HOST: Final = f"{_LOG_FOLDER}-{hashlib.sha256(_LOG_FOLDER.encode()).hexdigest()[:8]}"
_VALUE_LIMIT: Final = 200
_PART: Final = r"(?!\.{1,2}(?:/|\Z))[a-z0-9._-]{1,100}"
_PAYLOAD: Final = re.compile(rf"data(?:/{_PART})+", re.ASCII)
_METADATA: Final = re.compile(rf"metadata/{_PART}", re.ASCII)
_HEX_LENGTH: Final = {"sha256": 64, "sha512": 128}


def manifest_name(algorithm: str) -> str:
    """The name of the payload manifest of that algorithm."""
    return f"manifest-{algorithm}.txt"


def tag_manifest_name(algorithm: str) -> str:
    """The name of the tag manifest of that algorithm."""
    return f"tagmanifest-{algorithm}.txt"


MANIFESTS: Final = tuple(map(manifest_name, ALGORITHMS))
TAG_MANIFESTS: Final = tuple(map(tag_manifest_name, ALGORITHMS))
TOP_FILES: Final = frozenset({"bagit.txt", INFO, "README.txt", "verify.sh", *MANIFESTS})
REQUIRED_METADATA: Final = (BUNDLE, ITEMS, PLAN, PLAYBOOK)
SEALED_FILES: Final = (*TOP_FILES, *TAG_MANIFESTS, BUNDLE, ITEMS)


def torn_name(number: int) -> str:
    """Where the torn last line of the log is kept after the crash of that number."""
    return TORN if number == 1 else TORN.replace(".", f"-{number}.")


def is_torn_name(path: str) -> bool:
    """Whether it is the name of a torn line of the log."""
    return re.fullmatch(r"data/log/run(?:-[0-9]+)?\.torn", path) is not None


def host_folder(host: str) -> str:
    """The folder below `data` with the evidence of a host; the run log's is never a host's."""
    name = file_name(host, PART_LIMIT)
    return _LOG_HOST if name == _LOG_FOLDER else name


def is_payload_name(path: str) -> bool:
    """Whether a payload file may have that path: only names irkit gives, so that none is hostile."""
    return _PAYLOAD.fullmatch(path) is not None


def is_tag_name(path: str) -> bool:
    """Whether a tag file that manifests list may have that path."""
    return path in TOP_FILES or _METADATA.fullmatch(path) is not None


def render_manifest(digests: Mapping[str, str]) -> bytes:
    """A manifest: digest, two spaces, path; sorted by path, LF."""
    return "".join(f"{digests[path]}  {path}\n" for path in sorted(digests)).encode("ascii")


def parse_manifest_line(line: bytes, algorithm: str, *, tags: bool) -> tuple[str, str]:
    """Path and digest of a line in its one form. Raises ValueError that says what is wrong."""
    length = _HEX_LENGTH[algorithm]
    digest, gap, path = line[:length], line[length : length + 2], line[length + 2 : -1]
    if re.fullmatch(rb"[0-9a-f]+", digest) is None or len(digest) != length:
        raise ValueError(f"no {algorithm} digest at its start")
    if gap != b"  " or line[-1:] != b"\n":
        raise ValueError("not 'digest, two spaces, path' with a line feed")
    name = path.decode("utf-8", "backslashreplace")
    if not (is_tag_name(name) if tags else is_payload_name(name)):
        raise ValueError(f"lists a file of a name that no bundle has: {safe(name, 200)}")
    return name, digest.decode("ascii")


def render_info(values: Mapping[str, str]) -> bytes:
    """bag-info.txt: one line a value, in the order of INFO_LABELS; empty values are left out."""
    lines = []
    for label in INFO_LABELS:
        value = safe(values.get(label, ""))[:_VALUE_LIMIT].strip()
        if value:
            lines.append(f"{label}: {value}\n")
    return "".join(lines).encode("utf-8", "replace")


def parse_info(data: bytes) -> dict[str, str]:
    """The values of a bag-info.txt in the one form that `render_info` writes. Raises ValueError `line N: ...`."""
    values: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8", "backslashreplace").split("\n"), 1):
        label, _, value = line.partition(": ")
        if line and (label not in INFO_LABELS or not value or label in values):
            raise ValueError(f"line {number}: not a value of a bundle, or one too many: {safe(line, 80)}")
        if line:
            values[label] = value
    if render_info(values) != data:
        raise ValueError("line 1: its values are not in the order and form that irkit writes")
    return values
