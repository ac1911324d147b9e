"""Where the files that are shipped with the package lie: the grammar, and the policies in our own language."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
STARTER = "starter"
"""The folder in `rules` that `init` copies; the policy in it is no part of others."""


def folder(name: str) -> Path:
    """The folder `name` of shipped files: inside the package in a wheel, else beside it (checkout, editable install).

    Raises FileNotFoundError, naming both places, where it is in neither.
    """
    inside, beside = PACKAGE / name, PACKAGE.parent / name
    if inside.is_dir():
        return inside
    if beside.is_dir():
        return beside
    raise FileNotFoundError(f"no folder {name}: neither {inside} nor {beside}")
