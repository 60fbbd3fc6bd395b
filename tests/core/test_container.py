"""A container's facts, and which selector means it. Selection itself is tested with the engine's."""

import pytest

from irkit.core.container import Attachment, Container, Summary, health, is_match


def container(*attachments: Attachment, **facts: object) -> Container:
    known = {"id": "ab" * 32, "name": "web", "host": "local", "image": "app", **facts}
    return Container(attachments=attachments, **known)  # type: ignore[arg-type]


def summary(image: str) -> Summary:
    return Summary(id="ab" * 32, name="web", host="local", image=image, state="running")


def test_its_key_names_host_and_full_id() -> None:
    assert container().key == "local/" + "ab" * 32


@pytest.mark.parametrize(
    ("mode", "owner", "shares"), [("host", "", True), ("container:abc", "abc", False), ("front", "", False)]
)
def test_whose_network_it_uses(mode: str, owner: str, shares: bool) -> None:
    one = container(network_mode=mode)
    assert (one.network_owner, one.shares_host_network) == (owner, shares)


def test_an_attachment_is_found_by_network() -> None:
    place = Attachment(network="front", ipv4="10.0.0.2")
    assert container(place).attachment("front") == place
    assert container(place).attachment("back") is None


@pytest.mark.parametrize(
    ("state", "there"), [("running", False), ("paused", False), ("exited", True), ("created", True)]
)
def test_a_live_container_is_not_on_a_network_that_gave_it_neither_id_nor_address(state: str, there: bool) -> None:
    """An engine that refused a connect lists the network all the same (contract: an address that is taken)."""
    refused = Attachment(network="front", fixed_ipv4="10.0.0.2")
    assert (container(refused, state=state).attachment("front") is not None) is there


@pytest.mark.parametrize("facts", [{"network_id": "n1"}, {"ipv4": "10.0.0.2"}, {"ipv6": "fd00::2"}])
def test_an_id_or_an_address_shows_that_it_is_on_the_network(facts: dict[str, str]) -> None:
    assert container(Attachment(network="front", **facts)).attachment("front") is not None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "pattern", "found"),
    [
        ("nginx", "nginx", True),
        ("nginx:1.25", "nginx", True),
        ("nginx:1.25", "nginx:1.25", True),
        ("nginx:1.25", "nginx:2", False),
        ("reg:5000/shop/web", "reg:5000/shop/web", True),
        ("reg:5000/shop/web:2", "reg:5000/shop/web", True),
        ("reg:5000/shop/web:2", "reg", False),
        ("shop/web@sha256:12", "shop/web", True),
        ("shop/web:2@sha256:12", "shop/web", True),
        ("sha256:12ab", "sha256", True),
        ("shop/web:2", "shop/*", True),
    ],
)
def test_an_image_is_selected_with_or_without_its_tag(image: str, pattern: str, found: bool) -> None:
    assert is_match(f"image:{pattern}", summary(image)) is found


@pytest.mark.parametrize(
    ("facts", "has_it"),
    [
        ({}, False),
        ({"capabilities": ("NET_RAW", "CAP_SYS_PTRACE")}, False),
        ({"capabilities": ("NET_ADMIN",)}, True),
        ({"capabilities": ("cap_net_admin",)}, True),
        ({"capabilities": ("ALL",)}, True),
        ({"privileged": True}, True),
    ],
)
def test_who_may_set_up_a_network_by_itself_is_known(facts: dict[str, object], has_it: bool) -> None:
    assert container(**facts).has_net_admin is has_it


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("Up 5 minutes (healthy)", "healthy"),
        ("Up 5 minutes (unhealthy)", "unhealthy"),
        ("Up 5 minutes (health: starting)", ""),
        ("Up 5 minutes", ""),
        ("not healthy)", ""),
    ],
)
def test_a_status_tells_what_the_health_check_says(status: str, told: str) -> None:
    assert health(status) == told
