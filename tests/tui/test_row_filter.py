"""The filter of the list: what each term means, and what a bad one is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.core.finding import Severity
from irkit.tui.row_filter import Facets, FilterError, compile_filter, facets

NOW = 1_000_000.0


def row(
    name: str = "api-gw",
    *,
    image: str = "corp/api:2.4.1",
    id: str = "abc123",
    host: str = "prod-2",
    state: str = "running",
    labels: dict[str, str] | None = None,
    is_examined: bool = True,
    risk: Severity | None = Severity.HIGH,
    flags: str = "PND.CU",
    created: float | None = NOW - 1800,
    restarts: int | None = 3,
) -> Facets:
    return facets(
        name=name,
        image=image,
        id=id,
        host=host,
        state=state,
        labels=labels or {"Tier": "front end"},
        is_examined=is_examined,
        risk=risk,
        flags=flags,
        created=created,
        restarts=restarts,
    )


def keeps(text: str, one: Facets | None = None) -> bool:
    return compile_filter(text).keeps(one or row(), NOW)


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "api", "API-GW", "corp/api:2.4", "abc1", "prod", "tier=front",
        "state:run", "host:prod-2", "host:prod-*", "image:corp/*", "image:2.4.1", "name:api", "id:abc", "id:abc*",
        "label:tier", "label:tier=front", 'label:"tier=front end"', 'label:"tier=front e*"',
        "label:tier=*", "label:T*r",
        "risk>=M", "risk>=high", "risk:H", "risk=h", "risk<C", "risk<=H", "risk>m", "!risk:L",
        "flag:P", "flag:pd", "!flag:W", "age<1h", "age>29m", "age>=30m", "age<=30m", "age<0.5d", "!age>1w",
        "restarts>=3", "restarts>2", "restarts=3", "restarts:3", "RESTARTS<4", "!restarts<3",
        "!worker", "!state:exited", "!host:edge-*", "!!api", '"front end"', "'front end'", "api !worker risk>=M age<1h",
        '!"state:running"',
    ],
)  # fmt: skip
def test_the_row_is_kept(text: str) -> None:
    assert keeps(text)


@pytest.mark.parametrize(
    "text",
    [
        "worker", "api worker", "!api", "state:exited", "host:prod", "host:prod-?x", "image:corp", "image:*corp",
        "label:front=tier", "label:ier*", "risk>=C", "risk<H", "!risk>=M", "flag:W", "flag:PW", "!flag:P",
        "restarts>3", "restarts=2", "!restarts>=3",
        "age<1m", "age>1h", "!age<1h", '"end front"', '"state:running"', "running",
    ],
)  # fmt: skip
def test_the_row_is_not_kept(text: str) -> None:
    one = row(image="library/api", host="edge-2") if text in ("image:corp", "host:prod") else row()
    assert not keeps(text, one)


def test_what_is_not_known_of_a_row_hides_it_from_nobody() -> None:
    unknown = row(is_examined=False, risk=None, flags="", created=None)
    for text in ("risk>=C", "!risk>=C", "flag:P", "!flag:P", "age<1h", "!age<1h"):
        assert keeps(text, unknown)


def test_a_row_in_which_nothing_was_found_is_below_every_risk() -> None:
    clean = row(risk=None, flags="......")
    assert not keeps("risk>=I", clean)
    assert keeps("risk<I", clean)
    assert not keeps("flag:P", clean)


def test_an_apostrophe_within_a_word_and_signs_of_patterns_mean_themselves() -> None:
    assert keeps("it's", row("it's"))
    assert keeps("name:[a]*", row("[a]b"))
    assert not keeps("name:[a]*", row("ab"))


def test_a_character_that_is_not_seen_is_found_as_it_is_shown() -> None:
    spoof = row("re\u200bdis")
    assert not keeps("redis", spoof)
    assert keeps("\\u200b", spoof)


@pytest.mark.parametrize(
    ("text", "reason", "at"),
    [
        ("api risk>=X", "no risk X: C, H, M, L or I, at 5", 4),
        ("risk>=hi", "no risk hi: C, H, M, L or I, at 1", 0),
        ("risk>=", "nothing is said after risk>=, at 1", 0),
        ("age<5", "no age age<5: age<1h or age>2d, with s, m, h, d or w, at 1", 0),
        ("age=1h", "no age age=1h: age<1h or age>2d, with s, m, h, d or w, at 1", 0),
        ("age<٣h", "no age age<٣h: age<1h or age>2d, with s, m, h, d or w, at 1", 0),
        ("restarts>=many", "no number of restarts many: restarts>=3, at 1", 0),
        ("restarts>=-1", "no number of restarts -1: restarts>=3, at 1", 0),
        ("restarts>=٣", "no number of restarts ٣: restarts>=3, at 1", 0),
        ("api  flag:Z", "no flag Z: P, N, D, W, C, U, at 6", 5),
        ('api "two words', 'a quote that is not closed: "two words, at 5', 4),
        ("! api", "nothing is said after !, at 1", 0),
        ('""', 'nothing is said after "", at 1', 0),
        ("state:", "nothing is said after state:, at 1", 0),
        ("x" * 1001, "a filter has at most 1000 characters, at 1001", 1000),
    ],
)
def test_a_bad_term_is_told_in_one_line_and_where(text: str, reason: str, at: int) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert (str(caught.value), caught.value.at) == (reason, at)


@given(
    st.text(alphabet=st.sampled_from(" !\"'<>=:*?[].abcriskgeflt\x1b\n\u202e1hM"), max_size=40), st.text(max_size=20)
)
def test_any_line_filters_or_is_told_why_not_and_selecting_agrees_with_keeping(text: str, name: str) -> None:
    one = row(name)
    try:
        compiled = compile_filter(text)
    except FilterError as error:
        assert str(error).isprintable()
        assert 0 <= error.at <= len(text)
        return
    assert (compiled.select({"k": one}, NOW) == ["k"]) is compiled.keeps(one, NOW)


@given(st.text(alphabet=st.characters(categories=["L", "N", "Z"]), min_size=1, max_size=12).filter(str.strip))
def test_a_quoted_text_is_found_in_the_name_that_has_it_and_inverted_it_is_not(text: str) -> None:
    one = row(f"a{text}b")
    shown = one.texts["name"][1:-1]
    assert keeps(f'"{shown}"', one)
    assert not keeps(f'!"{shown}"', one)
