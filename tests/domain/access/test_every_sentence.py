"""Every sentence of the rules on size, State aid and eligibility has a worked example or a test."""

import pytest

from tests.domain.access import (
    test_aid,
    test_eligibility,
    test_eligibility_examples,
    test_sme,
    test_sme_examples,
)
from tests.services import test_aid as test_aid_deeds

SIZES = test_sme_examples.EXAMPLES
CASES = test_eligibility_examples.EXAMPLES
WHERE = {
    "aid": test_aid,
    "deeds": test_aid_deeds,
    "rules": test_eligibility,
    "cases": test_eligibility_examples,
    "sme": test_sme,
}

# What the rules say, in a few words, and what shows it: an example, or "module: a test".
SENTENCES = {
    # Recommendation 2003/361/EC
    "medium: below 250 persons, and 50 or 43 millions": [
        "249 persons and 50 millions are medium",
        "51 and 43 millions are medium",
    ],
    "small: below 50 persons, and 10 millions": [
        "49.99 work units are below fifty",
        "ten millions are still small",
    ],
    "micro: below 10 persons, and 2 millions": [
        "nine persons and two millions are micro",
        "ten persons are no longer micro",
    ],
    "the headcount is a hard limit": ["250 persons are no SME whatever the money"],
    "the money limit is broken only by both figures": [
        "one money ceiling kept is enough",
        "the other money ceiling kept is enough",
        "both money ceilings exceeded lift the class",
    ],
    "persons are annual work units, with owners who work": [
        "9.99 annual work units are below ten",
        "half a post is half a unit",
        "an owner who works counts, and makes ten of nine",
    ],
    "autonomous: below 25 per cent, either way": [
        "an owner of 24.99 per cent does not count",
        "24.99 per cent of votes and capital leave it autonomous",
    ],
    "partner: 25 to 50 per cent, pro rata, the higher of capital and votes": [
        "a partner counts with its share",
        "the higher of capital and votes counts",
        "half of the votes is still a partner",
        "a quarter held of another adds a quarter of it",
    ],
    "linked: the majority of votes": ["a majority of votes links whole"],
    "linked: appoints the majority, contract, agreement": ["control by contract links"],
    "linked firms count whole, and theirs too": [
        "links reach through others",
        "firms linked to a partner count with its share",
        "a subsidiary counts as its parent does",
    ],
    "owners may hold each other in a circle": ["firms that own each other count once"],
    "investors leave a firm autonomous: public investment corporations": [
        "a public investment corporation does not count",
        "a public investment corporation with the majority is public control",
    ],
    "investors: venture capital": [
        "venture capital leaves a firm autonomous",
        "venture capital with a majority links",
    ],
    "investors: business angels below 1.25 millions in the same firm": [
        "angels below 1.25 millions do not count",
        "angels with 1.25 millions together do count",
        "an angel of unknown investment is unresolved",
    ],
    "investors: universities and research centres": [
        "a university with a quarter does not count",
        "a university of the state does not count",
    ],
    "investors: institutional ones and regional funds": ["a regional fund does not count"],
    "investors: local authorities, small in money and in people": [
        "a small town does not count",
        "a town of 5,000 is a public body",
        "a town with 10 millions is a public body",
        "a small town with the majority is a public body",
        "a town of unknown size is unresolved",
    ],
    "two investors that are linked lose the exception with a majority": [
        "two linked funds with a majority lose the exception",
        "two linked funds below the majority keep the exception",
        "two funds that nothing links keep the exception",
    ],
    "public bodies with 25 per cent end the status": [
        "a quarter of public money ends the status",
        "24.99 per cent of public money change nothing",
        "public bodies count together",
        "public control reaches through a firm",
        "firm that a city holds",
    ],
    "a class changes only after two years in a row": [
        "one year above changes nothing",
        "two years above change the class",
        "one year below changes nothing",
    ],
    "new firms count by an estimate in good faith": [
        "an estimate of a new firm counts in good faith",
        "a new firm that estimates 60 persons is medium",
        "a new firm without figures yet is unresolved",
    ],
    "a takeover by a group ends the status at once": [
        "a takeover by a group ends the class at once"
    ],
    "a period that is no year is taken for one": [
        "a year of six months counts twice its turnover",
        "a year of eighteen months counts two thirds of its turnover",
    ],
    "other currencies count at a dated rate": ["crowns count at the rate of the day"],
    "what is not known neither passes nor fails": [
        "a missing headcount matters",
        "a missing balance sheet matters not where turnover decides",
        "sme: test_what_is_not_known_never_gives_a_wrong_class",
    ],
    "a word of warning at 80 per cent of a ceiling": [
        "sme: test_four_fifths_of_the_limit_give_an_early_word"
    ],
    # Small mid-caps, start-ups and scale-ups
    "small mid-cap: below 750 persons, and 150 or 129 millions": [
        "749 persons are a small mid-cap",
        "750 persons are large",
        "51 and 44 millions are a small mid-cap",
    ],
    "a small mid-cap has no right to free time": ["small mid-cap"],
    "start-up is what somebody says; the size is computed": [
        "start-up that is an SME",
        "scale-up",
    ],
    # De minimis aid
    "300,000 euros in any three years, to the day": [
        "aid: test_the_ceiling_may_be_reached_and_not_passed",
        "aid: test_aid_counts_for_three_years_to_the_day",
    ],
    "granted when the right arises": ["deeds: test_aid_of_three_years_counts_to_the_day"],
    "another form than money has a gross grant equivalent": [
        "aid: test_what_may_be_given_at_most_fits_and_a_cent_of_time_more_does_not"
    ],
    "beyond the ceiling none of it may be given": [
        "deeds: test_an_award_that_would_pass_the_ceiling_is_refused_as_a_whole"
    ],
    "mergers add both histories": [
        "deeds: test_what_linked_firms_received_counts_and_mergers_add_both_histories"
    ],
    "a single undertaking is narrower than partners": [
        "aid: test_partners_and_persons_make_no_single_undertaking",
        "aid: test_a_chain_and_a_merger_count_as_one",
    ],
    "registered within 20 working days, kept for ten years": [
        "aid: test_it_is_registered_within_twenty_working_days_and_kept_ten_years"
    ],
    "a notice with the amount and the Regulation, after a declaration": [
        "aid: test_the_notice_names_the_regulation_and_the_amount",
        "deeds: test_who_declared_nothing_gets_no_aid",
    ],
    "the price of an hour is a dated table": ["deeds: test_the_price_of_the_day_decides"],
    "time of the Union is no aid of a state": [
        "deeds: test_union_time_paid_time_and_public_research_are_no_aid"
    ],
    # T1
    "T1: a machine bought under the older rules": [
        "Germany on an older machine",
        "Norway on an older machine",
        "United Kingdom on an older machine",
        "Japan on an older machine",
    ],
    "T1: a machine bought later": ["Norway on a newer machine", "Japan on a newer machine"],
    "T1: others only by a decision of the Governing Board": [
        "United States",
        "cases: test_a_board_decision_lets_a_third_country_in",
    ],
    "T1: for the principal investigator's organisation and everybody in the team": [
        "a team member in France",
        "a team member in the United States",
        "a team member in Japan",
        "team not said",
        "country not said",
    ],
    # T2, a line of the table each
    "T2: SME with its own innovation": ["small firm", "small firm with research"],
    "T2: scale-up that is no SME": ["scale-up", "cases: test_what_scale_ups_pay_is_a_setting"],
    "T2: large, or small mid-cap, inside a European project": [
        "large firm in a European project",
        "small mid-cap in a European project",
    ],
    "T2: large, or small mid-cap, otherwise": [
        "large firm",
        "small mid-cap",
        "cases: test_paid_use_names_its_cap",
    ],
    "T2: university, research, public body": [
        "university",
        "research institute",
        "public body",
        "university in a European project",
    ],
    "T2: commissioned by a private firm": [
        "university on order",
        "public body on order",
        "small firm on order",
    ],
    "T2: a group without legal person": [
        "group without legal person",
        "group without legal person, on order",
    ],
    # T3
    "T3: up to 5,000 hours, or new: Playground": [
        "5,000 GPU-hours",
        "20,000 GPU-hours of a beginner",
        "cases: test_a_beginner_is_told_to_start_small",
    ],
    "T3: 10,001 to 50,000 and familiar: Fast Lane": [
        "10,001 GPU-hours of somebody familiar",
        "50,000 GPU-hours of somebody familiar",
    ],
    "T3: above 50,000 and ready for review: Large Scale": [
        "50,001 GPU-hours, ready for review",
        "60,000 GPU-hours of somebody familiar",
    ],
    "T3: the gap between 5,001 and 10,000": [
        "a second above 5,000 GPU-hours",
        "10,000 GPU-hours",
        "cases: test_the_gap_is_filled_by_two_playgrounds_or_a_national_mode",
    ],
    # T4
    "T4: SMEs need not publish, everybody else does": [
        "rules: test_sme_need_not_publish_and_science_does"
    ],
    "T4: names only with consent": ["rules: test_names_are_published_with_consent_only"],
    # T5
    "T5: the Union share takes no step": ["aid does not matter on the Union share"],
    "T5: the national share is counted against the ceiling": [
        "a bridge just within the aid ceiling",
        "a bridge beyond the aid ceiling",
        "a bridge without a declaration",
    ],
    "T5: public research without a market gets no aid": [
        "aid: test_aid_is_free_time_of_the_national_share_for_who_works_on_a_market"
    ],
    # T6
    "T6: prohibited, or not trustworthy": ["forbidden practice", "practice not said"],
    "T6: more than 10^25 operations carry a duty": [
        "a training of 10^25 operations",
        "rules: test_a_mark_of_the_ai_act_is_named_above_it_and_not_at_it",
    ],
    "T6: personal data take an agreement and an assessment": [
        "rules: test_what_to_have_ready_follows_from_the_answers"
    ],
    # T7 and T8
    "T7: the contract runs three months beyond the end": [
        "contract ends three months after",
        "contract ends two months after",
        "contract not said",
    ],
    "T8: a size that is not known is left open": [
        "firm of unknown size",
        "firm without figures",
        "a firm without figures is unresolved",
    ],
}


@pytest.mark.parametrize("proofs", SENTENCES.values(), ids=SENTENCES)
def test_sentence_is_shown(proofs):
    assert proofs
    for proof in proofs:
        module, _, test = proof.partition(": ")
        is_test = module in WHERE and callable(getattr(WHERE[module], test))
        assert is_test or (proof in SIZES) != (proof in CASES), proof


def test_no_sentence_is_without_example():
    tables = {sentence.split(":")[0] for sentence in SENTENCES if sentence.startswith("T")}
    assert tables >= {f"T{number}" for number in range(1, 9)}
    assert len(SENTENCES) >= 60
