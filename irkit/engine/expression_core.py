"""CEL without what its package loads around it: a command line with completion and colours, a fifth of a second long.

Only the part that is compiled is loaded; what expressions may hold and what they are worth is `expressions`' to say.
"""

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from threading import Lock
from types import ModuleType
from typing import Final

_NAME: Final = "cel.cel"
_LOADING: Final = Lock()


def load_cel() -> ModuleType:
    """The module that compiles expressions, loaded where it is not yet: once in a process, as it can no more often."""
    with _LOADING:
        if _NAME in sys.modules:
            return sys.modules[_NAME]
        package = find_spec("cel")
        spec = PathFinder.find_spec(_NAME, package.submodule_search_locations) if package else None
        if spec is None or spec.loader is None:
            return import_module("cel")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        # Where `cel` itself is imported later, it takes this one.
        sys.modules[_NAME] = module
        return module
