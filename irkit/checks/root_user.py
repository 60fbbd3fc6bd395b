"""exposure.root_user: a container whose first process is root."""

from collections.abc import Iterator

from irkit.core.check import Check
from irkit.core.container import Container
from irkit.core.finding import Finding, Severity


class RootUser(Check):
    """A container that starts as root; who that is on the host is for its user namespace to say."""

    id = "exposure.root_user"
    severity = Severity.LOW
    flag = "U"
    answer = "triage"
    references = ("cis-docker-1.6:4.1", "attack:T1611")

    def examine(self, container: Container) -> Iterator[Finding]:
        user = container.user.partition(":")[0].strip()
        if user in ("", "root") or (user.isdecimal() and not int(user[:20])):
            because = (f"user {container.user}" if container.user else "no user was set",)
            yield self.found(container, "its processes start as root", because, "have it run as a user of its own")
