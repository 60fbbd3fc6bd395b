"""Chains for iptables and its like: what they say, and what of a listing is the same. Pure, but for the real tools."""

import subprocess

import pytest

from irkit.adapters.firewall_chains import LONGEST, Chains, bridge_chains, chain_names, end_chains, namespace_chains
from irkit.adapters.firewall_saved import difference, is_there, read_saved, removal_text, restore_text
from irkit.core.allowed import parse_all
from tests.lab.setup import ensure_packages
from tests.lab.tools import tool

NAME = "irkit_01234567_0123456789ab"
ALLOW = parse_all(["10.0.0.0/8", "10.1.2.3:443/tcp", "10.1.2.3:53/udp", "[2001:db8::5]:22/udp", "2001:db8::/32"])
FRAMES = parse_all(["10.0.0.0/8", "10.1.2.3:53/udp", "[2001:db8::5]:22/udp"])
EACH = [*namespace_chains(NAME, ALLOW), *bridge_chains(NAME, ALLOW, "irk01"), end_chains(NAME, FRAMES, ["v0", "v1"])]


def rules_of(chains: Chains) -> list[str]:
    return [rule for _, rules in chains.chains for rule in rules]


def listed(chains: Chains) -> str:
    """As a tool lists them, below a rule of somebody else's."""
    table = "filter" if chains.tool == "ebtables" else "mangle"
    lines = ["# Generated", "*nat", ":INPUT ACCEPT [0:0]", f":{NAME}I - [0:0]", "COMMIT", f"*{table}"]
    lines += [f":{name} - [0:0]" for name in ("INPUT", "OUTPUT", "FORWARD", *dict(chains.chains))]
    lines += [f"-A {jump.base} {jump.rule}" for jump in chains.jumps]
    lines += [f"-A {name} {rule}" for name, rules in chains.chains for rule in rules]
    return "\n".join([*lines, "-A INPUT -j OTHERS", "COMMIT", ""])


def test_names_of_chains_are_irkits_and_short_enough() -> None:
    assert chain_names(NAME) == (f"{NAME}I", f"{NAME}O", f"{NAME}F") and len(chain_names(NAME)[0]) == LONGEST
    with pytest.raises(ValueError, match="no table of irkit's"):
        chain_names("INPUT")
    with pytest.raises(ValueError, match="too long"):
        chain_names("irkit_012345678_0123456789ab")


@pytest.mark.parametrize("chains", EACH, ids=lambda one: f"{one.tool} {len(one.jumps)}")
def test_every_chain_ends_by_dropping_and_each_is_come_to(chains: Chains) -> None:
    assert all(rules[-1] == "-j DROP" for _, rules in chains.chains)
    assert {jump.chain for jump in chains.jumps} == {name for name, _ in chains.chains}
    assert not [rule for rule in rules_of(chains) if "ACCEPT" in rule], "what they let pass goes on to others' rules"


def test_each_family_has_the_exceptions_of_its_own() -> None:
    for chains in EACH[:4]:
        other = "2001" if chains.tool == "iptables" else "10."
        assert not [rule for rule in rules_of(chains) if other in rule]
    six, four = namespace_chains(NAME, ())
    assert dict(six.chains)[f"{NAME}I"] == ("-i lo -j RETURN", "-j DROP")
    assert dict(four.chains)[f"{NAME}O"] == ("-d 127.0.0.11/32 -j DROP", "-o lo -j RETURN", "-j DROP")


def test_a_port_is_for_new_connections_one_way_and_answers_the_other() -> None:
    out = dict(namespace_chains(NAME, parse_all(["10.1.2.3:443/tcp"]))[1].chains)[f"{NAME}O"]
    assert out[:2] == (
        "-d 10.1.2.3/32 -p tcp -m tcp --dport 443 -j RETURN",
        "-d 10.1.2.3/32 -p tcp -m tcp --sport 443 -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
    )


def test_what_ebtables_cannot_tell_apart_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot tell answers"):
        end_chains(NAME, ALLOW, ["v0"])
    for names in ([], [f"v{number}" for number in range(65)]):
        with pytest.raises(ValueError, match="1 to 64"):
            end_chains(NAME, (), names)
    with pytest.raises(ValueError, match="not put into rules"):
        end_chains(NAME, (), ["v+"])  # to iptables, any that begins so


@pytest.mark.parametrize("chains", EACH, ids=lambda one: f"{one.tool} {len(one.jumps)}")
def test_a_listing_of_the_same_is_the_same_and_every_change_is_told(chains: Chains) -> None:
    text = listed(chains)
    assert difference(chains, read_saved(text, chains.tool)) == ""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if line.startswith("-A") and "OTHERS" not in line:
            without = "\n".join([*lines[:at], *lines[at + 1 :]])
            assert difference(chains, read_saved(without, chains.tool)), line
            turned = "\n".join([*lines[:at], line.rpartition(" ")[0] + " ACCEPT", *lines[at + 1 :]])
            assert difference(chains, read_saved(turned, chains.tool)), line
    assert difference(chains, read_saved(text.replace("-j DROP", "-s 10.0.0.0/8 -j DROP"), chains.tool))
    first = text.replace(
        f"-A {chains.jumps[0].base} ", f"-A {chains.jumps[0].base} -j ACCEPT\n-A {chains.jumps[0].base} "
    )
    assert "does not go to irkit's own first" in difference(chains, read_saved(first, chains.tool))
    assert "is not there" in difference(chains, read_saved("", chains.tool))
    assert "is not there" in difference(chains, read_saved("*\n-A\n:\nCOMMIT\n\0", chains.tool))


def test_rules_of_other_runs_may_come_first() -> None:
    chains = namespace_chains(NAME, ())[1]
    other = "-A INPUT -j irkit_76543210_0123456789abI\n-A INPUT -j "
    assert difference(chains, read_saved(listed(chains).replace("-A INPUT -j ", other), "iptables")) == ""


@pytest.mark.engine
@pytest.mark.parametrize("chains", EACH, ids=lambda one: f"{one.tool} {len(one.jumps)}")
@pytest.mark.parametrize("kind", ["legacy", "nft"])
def test_what_the_real_tools_list_is_recognised_put_in_again_and_removed(chains: Chains, kind: str) -> None:
    ensure_packages()
    is_frames = chains.tool == "ebtables"
    name = chains.tool if is_frames else f"{chains.tool}-{kind}"
    restore = f"{name}-restore --noflush" + ("" if is_frames else " -w 5")
    foreign = "-A INPUT -s 10.9.9.9/32 -j ACCEPT" if chains.tool == "iptables" else "-A INPUT -i foreign0 -j ACCEPT"
    first = (
        listed(chains._replace(chains=(), jumps=())).split("\n")[5]
        + f"\n{foreign}\n"
        + ("" if is_frames else "COMMIT\n")
    )

    def after(*texts: str) -> str:
        """What is listed in a network namespace of its own once these were put in, one after the other."""
        steps = "".join(f"{restore} <<'END' || exit 1\n{text}END\n" for text in texts)
        argv = [tool("unshare"), "--net", "/bin/sh", "-c", f"{steps}{name}-save"]
        return subprocess.run(argv, capture_output=True, check=True, text=True).stdout

    empty = read_saved(after(first), chains.tool)
    once = read_saved(after(first, restore_text(chains, empty)), chains.tool)
    assert difference(chains, once) == "" and is_there(once, NAME)
    twice = after(first, restore_text(chains, empty), restore_text(chains, once))
    assert read_saved(twice, chains.tool) == once
    gone = after(first, restore_text(chains, empty), removal_text(chains.tool, NAME, once))
    assert "irkit" not in gone and read_saved(gone, chains.tool)["INPUT"] == empty["INPUT"] == once["INPUT"][-1:]
