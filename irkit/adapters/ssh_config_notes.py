"""What of OpenSSH's client configuration irkit does not obey, in plain words, so that nothing is ignored in silence."""

from collections.abc import Iterator
from typing import Final

from irkit.adapters.ssh_config_values import Options
from irkit.core.text import safe

_ALIKE: Final = {"yes": frozenset({"yes", "true"}), "no": frozenset({"no", "false", "off"})}
_WEAKEST_RSA: Final = "1024"  # bits: OpenSSH's own default
_ANY: Final = frozenset({"", "any", "none"})


def is_set_to(options: Options, keyword: str, value: str) -> bool:
    """Whether a keyword is `yes` or `no`, in any of the ways that OpenSSH writes them."""
    return options.one(keyword).lower() in _ALIKE[value]


def list_notes(alias: str, host_name: str, options: Options) -> Iterator[str]:
    """What the responder must be told of the settings of one host."""
    yield from _identity_notes(options)
    yield from _route_notes(alias, host_name, options)
    if is_set_to(options, "batchmode", "yes"):
        yield "BatchMode is set: no password is asked for"
    if options.one("pkcs11provider", "none").lower() != "none":
        yield "PKCS11Provider is not used: irkit reaches such keys through an agent only"


def _identity_notes(options: Options) -> Iterator[str]:
    checking = options.one("stricthostkeychecking").lower()
    if checking in _ALIKE["no"] | {"accept-new"}:
        shown = "no" if checking in _ALIKE["no"] else checking
        yield f"StrictHostKeyChecking {shown} is not obeyed: irkit accepts no host key unseen"
    if is_set_to(options, "nohostauthenticationforlocalhost", "yes"):
        yield "NoHostAuthenticationForLocalhost is not obeyed: irkit accepts no host key unseen"
    if options.one("verifyhostkeydns", "no").lower() not in _ALIKE["no"]:
        yield "VerifyHostKeyDNS is not obeyed: host keys are looked up in the known hosts files only"
    if options.one("knownhostscommand", "none").lower() != "none":
        yield "KnownHostsCommand is not run: host keys are looked up in the known hosts files only"
    if options.one("requiredrsasize", _WEAKEST_RSA) != _WEAKEST_RSA:
        yield f"RequiredRSASize {safe(options.one('requiredrsasize'), 20)} is not obeyed"
    if options.values.get("userknownhostsfile") == ("/dev/null",):
        yield "UserKnownHostsFile is /dev/null: no host key can be recorded there"


def _route_notes(alias: str, host_name: str, options: Options) -> Iterator[str]:
    if options.one("canonicalizehostname", "no").lower() not in _ALIKE["no"]:
        if options.by_openssh:
            yield f"CanonicalizeHostname: ssh takes {safe(alias, 100)} for {safe(host_name, 100)}"
        else:
            yield f"CanonicalizeHostname is not done without OpenSSH: {safe(alias, 100)} stays as it is"
    for keyword, written in (
        ("addressfamily", "AddressFamily"),
        ("bindaddress", "BindAddress"),
        ("bindinterface", "BindInterface"),
    ):
        if options.one(keyword).lower() not in _ANY:
            yield f"{written} {safe(options.one(keyword), 60)} is not obeyed"
    if not options.by_openssh and options.one("hostkeyalgorithms")[:1] in ("+", "-", "^"):
        yield "HostKeyAlgorithms is not read without OpenSSH: it adds to a list that only ssh has"
