"""What iptables-save, ip6tables-save and ebtables-save list: compared with what was given, and made into what changes
it. Pure. A text for iptables-restore changes all that it names at once, or nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from irkit.adapters.firewall_chains import OWN, TABLE, Chains, Tool, chain_names

Saved = Mapping[str, Sequence[str]]
"""The rules of each chain in the order they have, as they are listed, without the chain's name."""
_TARGETS: Final = ("-j", "-g")


def read_saved(text: str, tool: Tool) -> Saved:
    """The chains of the one table that is ours to use; none where it is not there."""
    found: dict[str, list[str]] = {}
    is_ours = False
    for line in text.split("\n"):
        words = line.split()
        if line.startswith("*"):
            is_ours = line[1:].strip() == TABLE[tool]
        elif is_ours and line.startswith(":") and words:
            found.setdefault(words[0][1:], [])
        elif is_ours and words[:1] == ["-A"] and len(words) > 1:
            found.setdefault(words[1], []).append(" ".join(words[2:]))
    return found


def is_there(saved: Saved, table: str) -> bool:
    """Whether any of the chains of that name is."""
    return any(name in saved for name in chain_names(table))


def difference(wanted: Chains, saved: Saved) -> str:
    """What is not as it was given, in a line; empty where all is."""
    for name, rules in wanted.chains:
        if name not in saved:
            return f"chain {name} of {wanted.tool} is not there"
        if [_verdict(rule) for rule in saved[name]] != [_verdict(rule) for rule in rules]:
            return f"chain {name} of {wanted.tool} is not as it was given"
    for base in dict.fromkeys(jump.base for jump in wanted.jumps):
        if list(_first_jumps(wanted, saved.get(base, ()))) != [one.rule for one in wanted.jumps if one.base == base]:
            return f"chain {base} of {wanted.tool} does not go to irkit's own first"
    return ""


def _verdict(rule: str) -> tuple[str, bool]:
    """A rule's verdict, and whether it is for everything: how the rest is listed differs between versions."""
    words = rule.split()
    verdict = next((words[at + 1] for at, word in enumerate(words[:-1]) if word in _TARGETS), "")
    return verdict, len(words) == 2  # noqa: PLR2004 - `-j` and the verdict


def _first_jumps(wanted: Chains, rules: Sequence[str]) -> Iterator[str]:
    """What goes to these chains before anything that is not irkit's: its rules of other runs let pass, or drop."""
    own = {name for name, _ in wanted.chains}
    for rule in rules:
        target = _verdict(rule)[0]
        if not target.startswith(OWN):
            return
        if target in own:
            yield rule


def restore_text(wanted: Chains, saved: Saved) -> str:
    """What puts these in the place of whatever stands under their names."""
    own = {name for name, _ in wanted.chains}
    lines = [f":{name} {'RETURN' if wanted.tool == 'ebtables' else '- [0:0]'}" for name in sorted(own)]
    lines += _without_jumps(saved, own)
    lines += [f"-A {name} {rule}" for name, rules in wanted.chains for rule in rules]
    lines += [f"-I {jump.base} 1 {jump.rule}" for jump in reversed(wanted.jumps)]
    return _text(wanted.tool, lines)


def removal_text(tool: Tool, table: str, saved: Saved) -> str:
    """What removes the chains of that name that are there, and whatever goes to them."""
    own = sorted(set(chain_names(table)) & saved.keys())
    lines = [*_without_jumps(saved, own), *(f"-F {name}" for name in own), *(f"-X {name}" for name in own)]
    return _text(tool, lines)


def _without_jumps(saved: Saved, own: Sequence[str] | set[str]) -> list[str]:
    return [
        f"-D {base} {rule}"
        for base, rules in saved.items()
        for rule in rules
        if base not in own and _verdict(rule)[0] in own
    ]


def _text(tool: Tool, lines: Sequence[str]) -> str:
    ends = () if tool == "ebtables" else ("COMMIT",)
    return "".join(f"{line}\n" for line in (f"*{TABLE[tool]}", *lines, *ends))
