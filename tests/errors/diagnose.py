"""What a person would be told about some files: a cluster, its policy and what that includes."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from netpolicy.diagnostic import Diagnostic, ordered
from netpolicy.lint import Profile
from netpolicy.pipeline import Pipeline, clouds
from netpolicy.policy.load import Place, Unreadable
from netpolicy.source import Source

FOLDER = Path(__file__).parent
DAY = date(2026, 6, 1)
CLUSTER, POLICY = "cluster.yaml", "policy.netpol"
WORLD = {
    CLUSTER: (FOLDER / "world.yaml").read_text(encoding="utf-8"),
    "start.netpol": 'include "./world.netpol"\ninclude "./policy.netpol"\n',
    "world.netpol": (FOLDER / "world.netpol").read_text(encoding="utf-8"),
    POLICY: "allow all -> all : ssh\n",
}


def diagnose(files: Mapping[str, str]) -> list[Diagnostic]:
    """All that is found in a cluster and its policy on 2026-06-01, lint aside."""
    pipeline = _pipeline(files)
    return ordered(pipeline.faults)


def linted(files: Mapping[str, str], profile: Profile = Profile.STANDARD) -> list[Diagnostic]:
    """All that is found in them, by lint rules too."""
    return ordered(_pipeline(files, profile).diagnostics)


def limits(files: Mapping[str, str]) -> list[Diagnostic]:
    """What some cloud cannot say of them."""
    return ordered(_pipeline(files).cloud_files(clouds())[1])


def _pipeline(files: Mapping[str, str], profile: Profile = Profile.STANDARD) -> Pipeline:
    """A cluster and its policy; files that are not given are those of the world."""
    texts = {**WORLD, **files}

    def read(place: Place) -> Source | Unreadable:
        if place.shipped or place.path not in texts:
            return Unreadable(f"there is no policy `{place.path}`", "a file of yours begins with `./` or `/`")
        return Source(place.path, texts[place.path])

    return Pipeline(CLUSTER, read, DAY, profile=profile)
