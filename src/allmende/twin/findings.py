"""What was found wrong with an input: counted by kind, with the first lines as examples."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from allmende.domain.basics.sentences import Sentence

EXAMPLES = 5

# What each finding means for the replay; none is ever dropped in silence.
SENTENCES = {
    "truncated": Sentence("The file ends in the middle; what could be read was used."),
    "too_few_fields": Sentence("Lines with fewer than 18 fields were left out."),
    "too_many_fields": Sentence("Lines with more than 18 fields were left out."),
    "not_a_number": Sentence("Lines with something that is no number were left out."),
    "missing_value": Sentence("Lines without a needed value were left out."),
    "no_run_time": Sentence("Jobs without a run time above zero were left out."),
    "no_nodes": Sentence("Jobs without a number of nodes above zero were left out."),
    "no_submission": Sentence("Jobs without an instant of submission were left out."),
    "limit_too_long": Sentence("Jobs with a limit above 17 years were left out."),
    "wider_than_machine": Sentence("Jobs wider than the machine can never run; left out."),
    "wider_than_guarantee": Sentence(
        "Jobs wider than the guarantee of their group covers would never run; left out."
    ),
    "wider_than_ceiling": Sentence(
        "Jobs wider than the ceiling of their group would never run; left out."
    ),
    "no_group": Sentence("Jobs that belong to no group of the shares file were left out."),
    "submitted_backwards": Sentence("Submissions that run backwards in time were sorted."),
    "run_above_limit": Sentence("Run times above the limit were cut at the limit."),
    "predecessor_unknown": Sentence(
        "Jobs that wait for a job which is not played here; they wait for nobody."
    ),
    "predecessor_ambiguous": Sentence(
        "Jobs that wait for a number which several jobs have; they wait for nobody."
    ),
    "predecessor_later": Sentence(
        "Jobs that wait for a job submitted after them; they wait for nobody."
    ),
    "predecessor_in_circle": Sentence(
        "Jobs that wait for each other in a circle, or for themselves; they wait for nobody."
    ),
    "uncovered_elsewhere": Sentence(
        "Jobs that another scenario would leave out were left out here too, so that all play the "
        "same jobs."
    ),
    "never_started": Sentence("Jobs that had not started when nothing was to come any more."),
}


@dataclass
class Findings:
    """Counts by kind, and where the first of each stood."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[int]] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, line: int, detail: str = "") -> None:
        """Note one finding."""
        self.add_many(kind, [line])
        if detail:
            self.details.setdefault(kind, detail)

    def add_many(self, kind: str, lines: Iterable[Any]) -> None:
        """Note a finding for each of these lines."""
        found = [int(line) for line in lines]
        if not found:
            return
        assert kind in SENTENCES, "every finding has its sentence"
        self.counts[kind] = self.counts.get(kind, 0) + len(found)
        examples = self.examples.setdefault(kind, [])
        examples += found[: EXAMPLES - len(examples)]

    def copy(self) -> "Findings":
        """Return the same findings, to which others can be added."""
        examples = {kind: list(lines) for kind, lines in self.examples.items()}
        return Findings(dict(self.counts), examples, dict(self.details))

    def to_json(self) -> list[dict[str, Any]]:
        """Return a row for each kind."""
        return [
            {
                "kind": kind,
                "count": count,
                "lines": self.examples[kind],
                "sentence": SENTENCES[kind].english(),
                "detail": self.details.get(kind, ""),
            }
            for kind, count in sorted(self.counts.items())
        ]
