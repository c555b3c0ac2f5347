"""A refusal says no in a sentence that the person can act on."""

import inspect
from typing import Any, ClassVar

from allmende.domain.basics.sentences import Sentence


class Refusal(Exception):
    """This cannot be done."""

    # The docstring of each subclass is its message: an English sentence with {named} facts, which
    # is also the key of its translation. `status` is the HTTP answer that fits it.
    status: ClassVar[int] = 409

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.sentence.english())

    @classmethod
    def template(cls) -> str:
        """Return the sentence with its places for facts still open."""
        return " ".join(inspect.cleandoc(cls.__doc__ or "").split())

    @classmethod
    def code(cls) -> str:
        """Return the stable name that programs compare."""
        return cls.__name__

    @property
    def sentence(self) -> Sentence:
        """Return the message as a value that the edges translate."""
        return Sentence(self.template(), self.facts)


class NotFound(Refusal):
    """There is no {kind} {id}. Check the spelling, or list what there is."""

    status = 404


class NotPermitted(Refusal):
    """You may not {deed}. It takes the role {roles}; ask the programme office."""

    status = 403


class InvalidInput(Refusal):
    """{field}: {problem}"""

    status = 422
