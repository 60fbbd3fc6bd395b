"""All bindings of irkit's own screens and widgets."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

from textual.binding import Binding

import irkit.tui


def classes() -> Iterator[type]:
    """Every class that has bindings of its own."""
    for module in pkgutil.walk_packages(irkit.tui.__path__, "irkit.tui."):
        for one in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(one) and one.__module__ == module.name and "BINDINGS" in vars(one):
                yield one


OWN: list[tuple[type, Binding]] = [(one, binding) for one in classes() for binding in vars(one)["BINDINGS"]]
IDS = {binding.id for _, binding in OWN}
