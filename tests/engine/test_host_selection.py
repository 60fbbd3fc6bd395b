"""Which hosts a responder means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.core.errors import NoTargetError
from irkit.core.host import Host
from irkit.engine.host_selection import select_hosts


def host(name: str, *groups: str, **labels: str) -> Host:
    return Host(name=name, reach="ssh", address=name, groups=groups, labels=labels)


WEB1 = host("web1", "web", "site-a", env="prod", tier="front")
WEB2 = host("web2", "web", "site-b", env="test")
DB = host("db.example.org", "site-a", env="prod")
ODD = host("root@[::1]:22")
ALL = [WEB1, WEB2, DB, ODD]


def names(*selectors: str, among: list[Host] = ALL) -> list[str]:
    return [one.name for one in select_hosts(among, selectors)]


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("web1", ["web1"]),
        ("web*", ["web1", "web2"]),
        ("web?", ["web1", "web2"]),
        ("w*[12]", ["web1", "web2"]),
        ("*", ["web1", "web2", "db.example.org", "root@[::1]:22"]),
        ("all", ["web1", "web2", "db.example.org", "root@[::1]:22"]),
        ("group:site-a", ["web1", "db.example.org"]),
        ("group:site-*", ["web1", "web2", "db.example.org"]),
        ("label:tier", ["web1"]),
        ("label:env=prod", ["web1", "db.example.org"]),
        ("label:env=t*", ["web2"]),
        ("root@[::1]:22", ["root@[::1]:22"]),
    ],
)
def test_a_selector_means_these(selector: str, found: list[str]) -> None:
    assert names(selector) == found


def test_several_selectors_mean_what_any_of_them_does_in_the_order_of_the_inventory() -> None:
    assert names("db*", "web2", "group:web") == ["web1", "web2", "db.example.org"]


def test_no_selector_means_no_host() -> None:
    assert names() == []


def test_a_host_that_is_there_twice_comes_once_where_it_came_first() -> None:
    assert names("all", among=[WEB1, DB, WEB1]) == ["web1", "db.example.org"]


@pytest.mark.parametrize("name", ["all", "w*", "group:web", "label:env", "[ab]"])
def test_a_name_that_reads_as_something_else_means_its_host_alone(name: str) -> None:
    assert names(name, among=[*ALL, host(name)]) == [name]


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("wbe1", "no host matches 'wbe1': did you mean web1?"),
        ("WEB1", "no host matches 'WEB1'"),
        ("x*", "there are db.example.org, root@[::1]:22, web1, web2"),
        ("group:wbe", "did you mean web?"),
        ("group:", "there are site-a, site-b, web"),
        ("label:env=pord", "did you mean env=prod?"),
        ("label:nev", "did you mean env?"),
        ("", "no host matches ''"),
        ("\x1b[31m", "␛"),
    ],
)
def test_a_selector_that_means_no_host_is_refused_with_what_is_near(selector: str, words: str) -> None:
    with pytest.raises(NoTargetError) as caught:
        names("web1", selector)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("selector", "words"),
    [("all", "there are none"), ("group:x", "no host has a group"), ("label:x", "no host has a label")],
)
def test_without_hosts_that_is_said(selector: str, words: str) -> None:
    with pytest.raises(NoTargetError, match=words):
        names(selector, among=[])


# Laws ------------------------------------------------------------------------------------------------------------

_words = st.text("ab*?[]:.", min_size=1, max_size=5)
_hosts = st.lists(
    st.builds(host, _words, _words, env=_words),
    max_size=8,
)


def _or_none(hosts: list[Host], selectors: list[str]) -> list[Host] | None:
    try:
        return select_hosts(hosts, selectors)
    except NoTargetError:
        return None


@given(_hosts, st.lists(_words | st.just("all"), max_size=4))
def test_what_is_chosen_is_in_the_order_of_the_inventory_and_each_once(hosts: list[Host], selectors: list[str]) -> None:
    chosen = _or_none(hosts, selectors)
    if chosen is not None:
        rest = iter(hosts)
        assert all(one in rest for one in chosen)
        assert len({one.name for one in chosen}) == len(chosen)


@given(_hosts, _words, _words)
def test_two_selectors_mean_what_each_means(hosts: list[Host], one: str, other: str) -> None:
    first, second, both = _or_none(hosts, [one]), _or_none(hosts, [other]), _or_none(hosts, [one, other])
    if first is None or second is None:
        assert both is None
    else:
        assert both is not None
        assert {host.name for host in both} == {host.name for host in first} | {host.name for host in second}


@given(_hosts.filter(bool), st.data())
def test_every_host_can_be_chosen_alone_by_its_name(hosts: list[Host], data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(hosts))
    assert [one.name for one in select_hosts(hosts, [wanted.name])] == [wanted.name]
