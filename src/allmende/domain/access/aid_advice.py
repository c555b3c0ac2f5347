"""Table T5 before there is an award: may free time of the national share be given to them?"""

from allmende.domain.access.aid import is_aid, read_ceiling, read_price, write_euros
from allmende.domain.access.modes import AccessMode
from allmende.domain.access.reasons import Reasons
from allmende.domain.access.verdicts import Answers, Verdict
from allmende.domain.basics.sentences import Sentence

RULE = "aid.de_minimis_ceiling"


def weigh_state_aid(
    reasons: Reasons, answers: Answers, modes: list[AccessMode], *, partition_id: str
) -> list[AccessMode]:
    """Return the modes that State aid leaves; where it leaves none, the verdict says why."""
    without_aid = [mode for mode in modes if not _is_aid(answers, mode)]
    if len(without_aid) == len(modes):
        return modes
    reasons.have_ready.append(
        Sentence("A declaration of all de minimis aid of the last three years.")
    )
    received, asked = answers.aid_received_cents, answers.requested_seconds
    ceiling, _ = read_ceiling(reasons.book, on=reasons.on)
    price = read_price(reasons.book, on=reasons.on, partition_id=partition_id, unit=answers.unit)
    # The smallest size that could be asked for is one second.
    worth = price.worth_cents(1 if asked is None else asked)
    if worth + (received or 0) > ceiling:
        return _refuse(reasons, modes, without_aid, worth=worth, received=received or 0)
    if received is None and not without_aid:
        missing = Sentence("Declare the de minimis aid of the last three years.")
        reasons.add(RULE, Verdict.UNRESOLVED, missing)
    elif received is not None and asked is not None:
        numbers = _amounts(worth, received, ceiling)
        within = Sentence(
            "{worth} EUR with {received} EUR received stay within {ceiling} EUR.", numbers
        )
        reasons.add(RULE, Verdict.ADVISORY, within, numbers=numbers)
    return modes


def _refuse(
    reasons: Reasons,
    modes: list[AccessMode],
    without_aid: list[AccessMode],
    *,
    worth: int,
    received: int,
) -> list[AccessMode]:
    ceiling, _ = read_ceiling(reasons.book, on=reasons.on)
    numbers = _amounts(worth, received, ceiling)
    beyond = Sentence(
        "{worth} EUR with {received} EUR received go beyond {ceiling} EUR: none of it could be "
        "given.",
        numbers,
    )
    verdict = Verdict.ADVISORY if without_aid else Verdict.INELIGIBLE
    reasons.add(RULE, verdict, beyond, numbers=numbers)
    reasons.offer(Sentence("Ask for less, for time of the Union's share, or pay its price."))
    return without_aid or modes


def _is_aid(answers: Answers, mode: AccessMode) -> bool:
    return is_aid(
        kind=answers.kind,
        purpose=answers.purpose,
        access_share=mode.access_share,
        price=mode.price,
    )


def _amounts(worth: int, received: int, ceiling: int) -> dict[str, str]:
    amounts = {"worth": worth, "received": received, "ceiling": ceiling}
    return {name: write_euros(cents) for name, cents in amounts.items()}
