"""What the kernel tests stand on: root, a lab that is always cleared, and builds of clusters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kernel.build import Build, compiled
from tests.kernel.lab import Lab

NETWORK = Path("/proc/thread-self/ns/net")


@pytest.fixture(scope="session", autouse=True)
def root() -> None:
    """Rules are loaded in namespaces, which only root may make; in CI it is a failure not to be root."""
    if os.geteuid() != 0:
        leave = pytest.fail if os.environ.get("CI") else pytest.skip
        leave("kernel tests make network namespaces and load rules there: run them as root")


@pytest.fixture(autouse=True)
def home() -> Iterator[None]:
    """No test leaves this process in a namespace of the lab."""
    before = NETWORK.readlink()
    yield
    assert NETWORK.readlink() == before, "the test ended in a namespace that is not its own"


@pytest.fixture
def lab(root: None, home: None) -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def build(root: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Build]:
    """Compiles a cluster file with the options of `netpolicy compile`, once for all tests."""
    known: dict[tuple[Path, tuple[str, ...]], Build] = {}

    def of(cluster: Path, *options: str) -> Build:
        if (cluster, options) not in known:
            known[cluster, options] = compiled(cluster, tmp_path_factory.mktemp(cluster.stem) / "build", *options)
        return known[cluster, options]

    return of
