"""The states a thing can be in, and the only moves between them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from allmende.domain.basics.refusals import Refusal

State = TypeVar("State", bound=StrEnum)


class ForbiddenMove(Refusal):
    """This is {old} and cannot become {new}. From {old} it can become: {allowed}."""


class Lifecycle(Generic[State]):
    """A table of moves that can check itself and draw itself."""

    def __init__(self, moves: Mapping[State, frozenset[State]]) -> None:
        reachable: frozenset[State] = frozenset().union(*moves.values())
        assert reachable <= moves.keys(), "every target is itself a state of the table"
        self.moves = moves

    def can_move(self, old: State, new: State) -> bool:
        """Say whether the table has this move."""
        return new in self.moves[old]

    def check_move(self, old: State, new: State) -> None:
        """Refuse a move that the table does not have."""
        if not self.can_move(old, new):
            allowed = ", ".join(sorted(self.moves[old])) or "nothing else"
            raise ForbiddenMove(old=old.value, new=new.value, allowed=allowed)

    def is_final(self, state: State) -> bool:
        """Say whether nothing follows."""
        return not self.moves[state]

    def render_mermaid(self) -> str:
        """Draw the table as a Mermaid state diagram; the first state is the initial one."""
        lines = ["stateDiagram-v2", f"    [*] --> {next(iter(self.moves))}"]
        for old, targets in self.moves.items():
            lines += [f"    {old} --> {new}" for new in sorted(targets)]
            if not targets:
                lines.append(f"    {old} --> [*]")
        return "\n".join(lines) + "\n"
