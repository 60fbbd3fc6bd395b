"""Addresses that responders type: what each means, and what is refused without a word of a password in it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.adapters.host_address import HOST_PATTERN, USER_PATTERN, is_loopback, parse_address, parse_endpoint
from irkit.core.errors import UsageError
from irkit.core.host import Host


def ssh(name: str, address: str, user: str = "", port: int = 0, socket: str = "") -> Host:
    return Host(name=name, address=address, reach="ssh", user=user, port=port, socket=socket)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ssh://root@10.0.0.5:2222", ssh("root@10.0.0.5:2222", "10.0.0.5", "root", 2222)),
        ("ssh://web1", ssh("web1", "web1")),
        ("SSH://web1/", ssh("web1", "web1")),
        ("ssh://web1/run/user/1000/docker.sock", ssh("web1", "web1", socket="/run/user/1000/docker.sock")),
        ("ssh://me@[fe80::1%eth0]:22/x.sock", ssh("me@[fe80::1%eth0]:22", "fe80::1%eth0", "me", 22, "/x.sock")),
        ("web1", ssh("web1", "web1")),
        ("root@web1", ssh("root@web1", "web1", "root")),
        ("web1:22", ssh("web1:22", "web1", "", 22)),
        ("me@corp.example@web1:22", ssh("me@corp.example@web1:22", "web1", "me@corp.example", 22)),
        ("[::1]:22", ssh("[::1]:22", "::1", "", 22)),
        ("::1", ssh("[::1]", "::1")),
        ("root@2001:db8::7", ssh("root@[2001:db8::7]", "2001:db8::7", "root")),
        ("tcp", ssh("tcp", "tcp")),
        ("tcp:22", ssh("tcp:22", "tcp", "", 22)),
        ("tcp://127.0.0.1:2375", Host(name="tcp:127.0.0.1:2375", address="127.0.0.1", reach="tcp", port=2375)),
        ("tcp://", Host(name="tcp:localhost:2375", address="localhost", reach="tcp", port=2375)),
        ("tcp://:4000/", Host(name="tcp:localhost:4000", address="localhost", reach="tcp", port=4000)),
        ("tcp://[::1]", Host(name="tcp:[::1]:2375", address="::1", reach="tcp", port=2375)),
        ("unix:///run/docker.sock", Host(name="unix:run_docker.sock", reach="local", socket="/run/docker.sock")),
    ],
)
def test_an_address_means_this_host(text: str, host: Host) -> None:
    assert parse_address(text) == host


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("-oProxyCommand=x", "begins with a hyphen"),
        ("ssh://-oProxyCommand=x", "neither a name nor an IP address"),
        ("root@-x", "neither a name nor"),
        ("-x@web1", "begins with a hyphen"),
        ("ssh://-x@web1", "not a user's name"),
        ("web 1", "white space"),
        ("web1\n", "white space"),
        ("web1\x1b[31m", "␛"),
        ("wéb1", "characters that addresses have not"),
        ("w" * 501, "too long"),
        ("$(id)@web1", "not a user's name"),
        ("web1;id", "neither a name nor"),
        ("web*", "neither a name nor"),
        ("web1/x", "neither a name nor"),
        ("web1:", "the port must be a number"),
        ("web1:0", "the port must be a number"),
        ("web1:65536", "the port must be a number"),
        ("web1:022", "the port must be a number"),
        ("web1:٢٢", "characters that addresses have not"),
        ("[::1", "write [IPv6 address]:port"),
        ("[web1]:22", "brackets are for IPv6"),
        ("1:2:3", "write [IPv6 address]:port"),
        ("[fe80::1%a;b]", "brackets are for IPv6"),
        ("@web1", "not a user's name"),
        ("root@", "neither a name nor"),
        ("ssh://web1/run/x y", "white space"),
        ("ssh://web1/$(id)", "not a socket's path"),
        ("ssh://web1?x", "neither a name nor"),
        ("npipe:////./pipe/docker_engine", "pipe of Windows"),
        ("http://web1", "not a way to a host"),
        ("fd://", "not a way to a host"),
        ("unix://run/x", "names no socket"),
        ("unix:///", "names no socket"),
        ("tcp://root@127.0.0.1:2375", "an engine knows none"),
        ("tcp://10.0.0.5:2375", "without TLS is refused"),
        ("tcp:10.0.0.5:2375", "without TLS is refused"),
        ("unix:run_docker.sock", "the port must be a number"),
        ("all", "a meaning of its own"),
        ("ssh://local", "a meaning of its own"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "root:{}@web1",
        "ssh://root:{}@web1:22",
        "ssh://:{}@web1",
        "tcp://x:{}@127.0.0.1:2375",
        "http://x:{}@y",
        "x:{} y@z",
    ],
)
@pytest.mark.parametrize("password", ["hunter2", "hunter2/x", "hunter2 x", "@hunter2", "hunter2:22", "\x1bhunter2"])
def test_a_password_is_refused_and_not_repeated(text: str, password: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(text.format(password))
    assert "must hold no password" in str(caught.value)
    assert "hunter2" not in str(caught.value)


PATHS = ["/run/a_b", "/run/a/b", "/run_a/b", "/run//a/b", "/run/a/b/", "/run/A/b", "/run/x-12345678", "/" + "x" * 120]


def test_two_sockets_have_two_names_and_none_a_slash() -> None:
    names = [parse_address(f"unix://{path}").name for path in PATHS]
    assert len(set(names)) == len(PATHS)
    assert not any("/" in name for name in names)
    assert max(map(len, names)) <= 100


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known_by_its_own_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "0.0.0.0", "::", "localhost.example.org", "127.0.0.1.example.org", ""])
def test_other_names_lead_elsewhere(host: str) -> None:
    assert not is_loopback(host)


# Laws ------------------------------------------------------------------------------------------------------------

_hosts = st.from_regex(HOST_PATTERN, fullmatch=True) | st.ip_addresses().map(str)
_users = st.just("") | st.from_regex(USER_PATTERN, fullmatch=True)


@given(_users, _hosts, st.integers(0, 65535))
def test_the_name_of_a_host_is_the_same_way_to_it(user: str, host: str, port: int) -> None:
    place = f"[{host}]" if ":" in host else host
    text = (f"{user}@" if user else "") + place + (f":{port}" if port else "")
    if text in ("all", "local"):
        return
    found = parse_address(f"ssh://{text}")
    assert (found.user, found.address, found.port, found.name) == (user, host, port, text)
    assert parse_address(found.name) == found
    with_socket = parse_address(f"ssh://{text}/run/x.sock")
    assert parse_address(with_socket.name) == msgspec.structs.replace(with_socket, socket="")


@given(st.text(max_size=40) | st.from_regex(r"(ssh://|tcp://|unix://)?[a-z:@/\[\]0-9.%-]{0,30}", fullmatch=True))
def test_whatever_is_typed_is_a_host_or_one_line(text: str) -> None:
    try:
        found = parse_address(text)
    except UsageError as error:
        assert str(error).isprintable()
    else:
        assert "/" not in found.name
        assert found.name.isprintable()
        assert found.name.isascii()
        assert not found.address.startswith("-")
        if found.reach == "tcp":
            assert parse_address(found.name) == found


@given(st.text(max_size=30))
def test_an_endpoint_as_text_is_the_same_endpoint(text: str) -> None:
    try:
        found = parse_endpoint(text)
    except UsageError:
        return
    assert parse_endpoint(found.text) == found
