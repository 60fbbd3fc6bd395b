"""Every file in playbooks/ is wrong in some way; its comments `# expect:` say what is found, in order.

What cannot be a text file is made here.
"""

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from irkit.actions import ACTIONS
from irkit.adapters.playbook_file import find_problems, load_playbook
from irkit.core.errors import PlaybookError
from irkit.engine.language import Language
from tests.soak import often

FILES = sorted(Path(__file__).with_name("playbooks").glob("*.yaml"))
LANGUAGE = Language(ACTIONS)
GOOD = b"name: good\nversion: 1\nsteps:\n- {id: a, action: collect.inspect}\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_all_that_is_wrong_is_found_with_its_place(path: Path) -> None:
    source = path.read_bytes()
    expected = re.findall(r"^# expect: (.*)$", source.decode(), re.MULTILINE)
    assert expected, "the file says nothing of what is expected"
    found = [str(problem).removeprefix("bad.yaml:").strip() for problem in find_problems(source, "bad.yaml", LANGUAGE)]
    assert found == expected
    with pytest.raises(PlaybookError) as caught:
        load_playbook(source, "bad.yaml", LANGUAGE)
    assert str(caught.value).endswith(expected[0])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "x: the file is empty"),
        (b"\n\n", "x: the file is empty"),
        (b"---\n", "x:2:1: a playbook is a mapping"),
        (b"just text", "x:1:1: a playbook is a mapping"),
        (b"\x00", "x: it is not YAML: unacceptable character #x0000"),
        (GOOD + b"title: a\x00b\n", "x: it is not YAML: unacceptable character #x0000"),
        (GOOD + b'title: "a\\0b"\n', "x:5:8: title: the text holds a hidden character (U+0000)"),
        (GOOD + b"\ntitle: \xff\xfe\n", "x:6: the file is not text in UTF-8"),
        (GOOD.decode().encode("utf-16"), "x:1: the file is not text in UTF-8"),
        (b"\x7fELF\x02\x01\x01" + bytes(100), "x: it is not YAML"),
        (bytes(range(256)) * 40, "x:2: the file is not text in UTF-8"),
        (b"a" * (10 << 20), "x: the file is larger than 1 MiB"),
        (GOOD + b"#" * (1 << 20), "x: the file is larger than 1 MiB"),
        (b"[" * (1 << 20), "x:1:22: it is nested more than 20 deep"),
        (b"- " * (1 << 19), "x:1:43: it is nested more than 20 deep"),
        (b"? " * (1 << 19), "x:1:3: a key must be text"),
        (b"- 1\n" * 30_000, "x:20000:3: the file holds more than 20000 values"),
        (GOOD + b"title: {", "x:6:1: it is not YAML"),
        (b"%YAML 9.9\n---\na: b\n", "x:1:1: it is not YAML"),
        (b"version: " + b"9" * 5_000, "x:1:10: version: the number is too large"),
    ],
    ids=range(20),
)
def test_what_is_no_text_or_too_large_is_refused_at_once(source: bytes, message: str) -> None:
    with pytest.raises(PlaybookError):
        load_playbook(source, "x", LANGUAGE)
    assert message in [str(problem)[: len(message)] for problem in find_problems(source, "x", LANGUAGE)]


_PIECES = [
    b"${{",
    b"}}",
    b'"',
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"\n",
    b"\n  ",
    b"\t",
    b"&a ",
    b"*a",
    b"!!x ",
]
_PIECES += [
    b"<<",
    b"~",
    b"true",
    b"010",
    b"1.5",
    b"\x00",
    b"\xff",
    b"\xe2\x80\xae",
    b"?",
    b"|",
    b">",
    b"%",
    b"#",
    b"---\n",
]
_PIECES += [
    b"name",
    b"steps",
    b"with",
    b"id",
    b"when",
    b"parameters",
    b"params.x",
    b"collect.logs",
    b"\\",
    b"e9",
    b"\r",
]


def check(source: bytes) -> None:
    problems = find_problems(source, "x", LANGUAGE)
    for problem in problems:
        assert str(problem).isprintable()
        assert len(str(problem)) < 1500
    try:
        playbook, _ = load_playbook(source, "x", LANGUAGE)
    except PlaybookError as error:
        assert str(error) == str(problems[0])
    else:
        assert not problems
        assert playbook.steps


@settings(max_examples=often(300, 100), deadline=None)
@example(b"\xef\xbb\xbf" + GOOD)
@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(str.encode), st.lists(st.sampled_from(_PIECES)).map(b"".join)
    )
)
def test_no_bytes_lead_to_a_traceback(source: bytes) -> None:
    check(source)


SHIPPED = [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "playbooks").glob("*.yaml"))]
edits = st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from([b"", *_PIECES]))


@settings(max_examples=often(300, 100), deadline=None)
@given(st.sampled_from([*SHIPPED, *(path.read_bytes() for path in FILES)]), st.lists(edits, max_size=4))
def test_no_damage_to_a_playbook_leads_to_a_traceback(source: bytes, damage: list[tuple[float, int, bytes]]) -> None:
    for where, length, piece in damage:
        at = int(where * len(source))
        source = source[:at] + piece + source[at + length :]
    check(source)
