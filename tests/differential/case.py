"""A policy and a cluster of which real packets are asked."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.clusters import cluster_text, scenes
from tests.strategies import policy_texts


@dataclass(frozen=True, slots=True)
class Case:
    """Texts as people write them; `inline` writes addresses in place of sets, `seed` chooses among the packets."""

    policy_text: str
    cluster_text: str
    inline: bool = False
    seed: int = 0

    @property
    def texts(self) -> dict[str, str]:
        return {"cluster.yaml": self.cluster_text, "policy.netpol": self.policy_text}

    def __repr__(self) -> str:
        told = [f"# {name}\n{text}" for name, text in self.texts.items()]
        return "\n".join(["Case(", *told, f"inline={self.inline}, seed={self.seed})"])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A random policy that compiles, and its cluster."""
    scene = draw(scenes())
    policy_text = draw(policy_texts(scene, promises=False))
    return Case(policy_text, cluster_text(scene), draw(st.integers(0, 4)) == 4, draw(st.integers(0, 1 << 16)))
