"""What the decision tables have found so far about one request: reasons, and what to do next."""

from collections.abc import Mapping
from datetime import date

from allmende.domain.access.verdicts import Reason, Verdict
from allmende.domain.basics.rules import RuleBook
from allmende.domain.basics.sentences import Sentence


class Reasons:
    """Reasons in the order in which they were found, each with its dated rule row."""

    def __init__(self, book: RuleBook, on: date) -> None:
        self.book, self.on = book, on
        self.found: list[Reason] = []
        self.have_ready: list[Sentence] = []
        self.alternative: Sentence | None = None

    def add(
        self,
        rule: str,
        verdict: Verdict,
        sentence: Sentence,
        *,
        numbers: Mapping[str, str] | None = None,
        article: str = "",
        **facts: str,
    ) -> None:
        """Note a reason; the source of its row is "article; where to read it"."""
        row = self.book.get(rule, on=self.on, **facts)
        named, _, source = row.source.partition("; ")
        self.found.append(
            Reason(
                rule=rule,
                verdict=verdict,
                sentence=sentence,
                article=article or named,
                source=source or named,
                numbers=numbers or {},
            )
        )

    def offer(self, alternative: Sentence | None) -> None:
        """Note a way out; the first one is shown."""
        self.alternative = self.alternative or alternative

    def number(self, rule: str) -> int:
        """Return the whole number of a rule."""
        return int(self.book.number(rule, on=self.on))
