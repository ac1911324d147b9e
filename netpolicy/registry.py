"""Finds plug-in modules: a new target, lint rule or report is one new file or folder, listed nowhere."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules(package: str) -> list[ModuleType]:
    """The imported direct submodules and subpackages of `package` (dotted name), sorted by name.

    Names that begin with an underscore are private to the package and are no plug-ins.
    """
    names = (found.name for found in iter_modules(import_module(package).__path__))
    return [import_module(f"{package}.{name}") for name in sorted(names) if not name.startswith("_")]
