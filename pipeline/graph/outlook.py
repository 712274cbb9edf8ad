"""The graph as DVC sees it now: its entries, what each needs, what a run would still do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.graph.standing import State, standings


@dataclass(frozen=True)
class Stages:
    """All stages that come from one entry of dvc.yaml.

    Attributes:
      name: the entry's.
      states: by the stage's whole name, as `train@tiny-0`.
      needs: names of the entries whose outputs these read, in the order of dvc.yaml.
    """

    name: str
    states: Mapping[str, State]
    needs: list[str]

    def count(self, state: State) -> int:
        """Count the stages that stand so."""
        return sum(found is state for found in self.states.values())


def outlook() -> list[Stages]:
    """Ask DVC for every stage, in the order of dvc.yaml.

    Raises:
      UserError: DVC finds a file of its own at fault, or another DVC is at work.
    """
    found = standings()
    entries = list(dict.fromkeys(map(entry, found)))
    return [
        Stages(
            name,
            {stage: standing.state for stage, standing in found.items() if entry(stage) == name},
            _in_order(
                (
                    entry(need)
                    for stage, standing in found.items()
                    if entry(stage) == name
                    for need in standing.needs
                ),
                entries,
            ),
        )
        for name in entries
    ]


def entry(stage: str) -> str:
    """Return the name of a stage's entry in dvc.yaml."""
    return stage.partition("@")[0]


def _in_order(found: Iterable[str], order: list[str]) -> list[str]:
    return sorted(set(found), key=order.index)
