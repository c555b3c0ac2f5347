"""Whoever applies is told which marks of the AI Act the training passes, or could."""

from dataclasses import replace

import pytest

from allmende.domain.access.sections.model import Workflow
from allmende.domain.basics.refusals import NotFound
from allmende.services import application_marks, applications, sizes
from allmende.services.application_marks import MOST_UTILISATION_PERCENT, foresee_marks
from allmende.wiring.blueprints import load_blueprints
from allmende.wiring.factory import load_factory
from allmende.wiring.planning import load_planning
from tests.services.access import HOUR, NOON, RULES, deed
from tests.services.peer_review import drafted_in_full, open_round, scientist

pytestmark = pytest.mark.django_db
GENERAL, SYSTEMIC, MODIFIER = (
    "ai.general_purpose_flop",
    "ai.systemic_risk_flop",
    "ai.modifier_share_percent",
)
KNOWN = {"blueprints": load_blueprints(), "rules": RULES, "now": NOON}


@pytest.fixture
def draft():
    open_round()
    return drafted_in_full(*scientist())


def tell(draft, *, peak=0.0, **answers):
    """Return the marks of a draft whose machine does so many 10^12 operations a second."""
    factory = load_factory()
    werkbank = replace(factory.get_partition("werkbank"), peak_teraflops_per_device=peak)
    site = factory.get_site(werkbank.site_id)
    fast = replace(factory, sites=(replace(site, partitions=(werkbank,)),))
    asked = replace(draft, form=replace(draft.form, **answers))
    return foresee_marks(asked, factory=fast, **KNOWN)


def rules_of(found):
    return [(each.mark.rule, each.is_planned) for each in found]


def test_operations_of_the_answers_pass_a_mark_and_the_sentence_names_rule_and_day(draft):
    assert tell(draft, training_flop=10**22) == ()
    found = tell(draft, training_flop=2 * 10**23, workflows=(Workflow.FINE_TUNING,))
    assert rules_of(found) == [(MODIFIER, True), (GENERAL, True)]
    assert found[1].sentence.english() == (
        "The training takes 2 × 10²³ FLOP, more than 10²³. From here on a model of language or "
        "images counts as general-purpose AI."
    )
    assert found[1].origin.english() == (
        "Guidelines C(2025) 7719 on general-purpose AI models: indicative criterion for models "
        "that generate language, images or video; in force since 2025-08-02"
    )


def test_size_and_tokens_stand_in_for_operations(draft):
    given = {"training_flop": None, "workflows": (Workflow.TRAINING,)}
    found = tell(draft, model_parameters=405 * 10**9, training_tokens=15 * 10**12, **given)
    assert rules_of(found) == [(GENERAL, True), (SYSTEMIC, True)]  # from scratch: no modifier
    assert tell(draft, model_parameters=10**9, training_tokens=None, **given) == ()


def test_hours_that_would_be_enough_are_said_too(draft):
    hours = {"requested_seconds": 40_000 * HOUR, "workflows": (), "training_flop": None}
    found = tell(draft, peak=989.0, **hours)
    assert rules_of(found) == [(MODIFIER, False)]
    assert "The hours asked for are enough for 7.41 × 10²² FLOP" in found[0].sentence.english()
    assert tell(draft, peak=0.0, **hours) == ()
    assert tell(draft, peak=989.0, **{**hours, "requested_seconds": None}) == ()


def test_who_trains_nothing_passes_nothing(draft):
    assert tell(draft, training_flop=10**26, workflows=(Workflow.INFERENCE,)) == ()


def test_a_blueprint_says_its_operations_and_a_gone_one_nothing(draft):
    given = {"training_flop": None, "model_parameters": None, "training_tokens": None}
    assert tell(draft, blueprint_id="medicine", **given) == ()
    assert tell(draft, blueprint_id="gone", **given) == ()


def test_a_machine_that_is_gone_gives_no_operations(draft):
    asked = replace(draft, form=replace(draft.form, training_flop=None))
    assert foresee_marks(asked, factory=replace(load_factory(), sites=()), **KNOWN) == ()


def test_what_was_handed_in_is_told_by_the_rules_of_its_day():
    open_round()
    ada, firm = scientist()
    draft = drafted_in_full(ada, firm, training_flop="2e25")
    sent = applications.submit_application(deed(ada), draft.id, rules=RULES)
    known = {**KNOWN, "factory": load_factory(), "now": NOON.replace(year=2020)}
    found = application_marks.list_notices(ada, sent.id, **known)
    assert SYSTEMIC in [each.mark.rule for each in found]
    reasons = {each.rule: each.sentence for each in sent.submitted.eligibility.reasons}
    assert reasons[SYSTEMIC] == found[-1].sentence  # the same words
    stranger, _ = scientist("olga")
    with pytest.raises(NotFound):
        application_marks.list_notices(stranger, sent.id, **known)


def test_no_published_training_did_more_with_its_hours():
    facts = load_planning()
    best = max(each.utilisation for each in facts.witnesses if not each.run.left_out)
    assert best * 100 <= MOST_UTILISATION_PERCENT
    assert sizes.UTILISATION_PERCENT < MOST_UTILISATION_PERCENT
