"""Choosing a partition: never one that cannot run the job, and always for the same reasons."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from allmende.domain.scheduling.brokering import (
    Choice,
    NowhereToRun,
    Verdict,
    check_found,
    choose,
    find_move,
)
from allmende.domain.scheduling.obstacles import Needs, Offer, find_obstacle

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = 3600
GIGABYTE = 10**9
NEEDS = Needs(
    asked_at=NOON,
    limit_seconds=HOUR,
    data=Sentence("health data"),
    countries=frozenset({"DE"}),
)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def offer(partition_id: str = "a", **changes) -> Offer:
    whole = Offer(
        partition_id=partition_id,
        name=partition_id.upper(),
        country="DE",
        access_share="union",
        unit=TimeUnit.NODE_SECONDS,
        nodes_most=4,
        limit_seconds_most=10 * HOUR,
        cores_per_node=8,
        memory_bytes_per_node=64 * GIGABYTE,
        accelerators_per_node=4,
        hardware="4 × NVIDIA GH200 (Hopper, 96 GB)",
        specialisations=("medicine", "robotics"),
        grace_seconds=10,
        available_seconds=100 * HOUR,
        starts_at=NOON,
    )
    return replace(whole, **changes)


small = st.integers(0, 4)
needs_of_all_kinds = st.builds(
    Needs,
    asked_at=st.just(NOON),
    limit_seconds=st.integers(1, 5).map(lambda n: n * HOUR),
    nodes=st.integers(1, 5),
    jobs=st.integers(1, 3),
    cores_per_node=st.integers(1, 3),
    memory_bytes_per_node=small,
    accelerators_per_node=small,
    accelerator=st.sampled_from(["", "GH200", "a100"]),
    specialisation=st.sampled_from(["", "robotics", "automotive"]),
    data=st.just(Sentence("health data")),
    countries=st.sampled_from([frozenset({"DE"}), frozenset({"DE", "FR"})]),
    ends_by=st.none() | st.integers(0, 600).map(at),
    may_wait=st.booleans(),
)
offers_of_all_kinds = st.builds(
    offer,
    partition_id=st.sampled_from("abcdefgh"),
    country=st.sampled_from(["DE", "DE", "FR"]),
    nodes_most=st.integers(1, 5),
    limit_seconds_most=st.integers(2, 6).map(lambda n: n * HOUR),
    cores_per_node=st.integers(1, 4),
    memory_bytes_per_node=small,
    accelerators_per_node=small,
    hardware=st.sampled_from(["4 × NVIDIA GH200 (Hopper)", "NVIDIA A100"]),
    specialisations=st.sampled_from([(), ("robotics",), ("robotics", "automotive")]),
    available_seconds=st.integers(0, 40).map(lambda n: n * HOUR),
    bytes_to_move=st.integers(0, 2).map(lambda n: n * GIGABYTE),
    starts_at=st.none() | st.integers(0, 300).map(at),
    green_percent=st.sampled_from([0, 50, 100]),
    bar=st.sampled_from([None, None, None, Sentence("It is closed.")]),
)
several = st.lists(offers_of_all_kinds, max_size=6, unique_by=lambda each: each.partition_id)


@given(needs_of_all_kinds, several)
def test_what_cannot_run_the_job_is_never_taken_and_everybody_gets_one_reason(needs, offers):
    choice = choose(needs, offers)
    fits = {each.partition_id: find_obstacle(needs, each) is None for each in offers}
    assert {v.partition_id: v.fits for v in choice.verdicts} == fits
    assert len(choice.verdicts) == len(offers)
    assert (choice.chosen is not None) == any(fits.values())
    for verdict in choice.verdicts:
        assert str(verdict.sentence).endswith(".")
    for verdict in choice.others:
        if not verdict.fits:
            taken = next(each for each in offers if each.partition_id == verdict.partition_id)
            assert verdict.sentence == find_obstacle(needs, taken)


@given(needs_of_all_kinds, several, st.randoms())
def test_the_order_of_the_offers_decides_nothing(needs, offers, dice):
    shuffled = list(offers)
    dice.shuffle(shuffled)
    assert choose(needs, shuffled) == choose(needs, offers)


@given(needs_of_all_kinds, several)
def test_an_offer_less_that_was_not_taken_changes_nothing_of_what_is_taken(needs, offers):
    choice = choose(needs, offers)
    for other in choice.others:
        fewer = [each for each in offers if each.partition_id != other.partition_id]
        left = choose(needs, fewer).chosen
        expected = choice.chosen
        assert (left and left.partition_id) == (expected and expected.partition_id)


HARDER = [
    lambda n: replace(n, nodes=n.nodes + 1),
    lambda n: replace(n, limit_seconds=n.limit_seconds + HOUR),
    lambda n: replace(n, jobs=n.jobs + 1),
    lambda n: replace(n, cores_per_node=n.cores_per_node + 1),
    lambda n: replace(n, memory_bytes_per_node=n.memory_bytes_per_node + 1),
    lambda n: replace(n, accelerators_per_node=n.accelerators_per_node + 1),
    lambda n: replace(n, accelerator=n.accelerator or "GH200"),
    lambda n: replace(n, specialisation=n.specialisation or "robotics"),
    lambda n: replace(n, countries=n.countries & {"DE"}),
    lambda n: replace(n, ends_by=min(n.ends_by or at(300), at(300))),
]


@given(needs_of_all_kinds, offers_of_all_kinds, st.sampled_from(HARDER))
def test_asking_for_more_never_makes_an_offer_fit(needs, given_offer, raise_need):
    if find_obstacle(needs, given_offer) is not None:
        assert find_obstacle(raise_need(needs), given_offer) is not None


@given(needs_of_all_kinds, several)
def test_a_choice_survives_being_written_down(needs, offers):
    verdicts = choose(needs, offers).verdicts
    assert tuple(Verdict.from_json(each.to_json()) for each in verdicts) == verdicts


@pytest.mark.parametrize(
    ("needs", "changes", "reason"),
    [
        (
            {},
            {"country": "FR"},
            "It carries health data, which may not be in FR. Allowed here: DE.",
        ),
        ({"countries": frozenset()}, {}, "Allowed here: nowhere."),
        ({"specialisation": "automotive"}, {}, "these are specialised in medicine, robotics."),
        ({"specialisation": "robotics"}, {"specialisations": ()}, "specialised in nothing."),
        ({"accelerators_per_node": 8}, {}, "It asks for 8 accelerators a node; a node here has 4."),
        ({"accelerator": "H100"}, {}, "It asks for H100; here is 4 × NVIDIA GH200"),
        ({"cores_per_node": 9}, {}, "It asks for 9 cores a node; a node here has 8."),
        ({"memory_bytes_per_node": 128 * GIGABYTE}, {}, "128000 MB a node; a node here has 64000"),
        ({"cores_most": 4}, {}, "nodes with at most 4 cores; a node here has 8."),
        ({"accelerators_most": 2}, {}, "nodes with at most 2 accelerators; a node here has 4."),
        ({"memory_bytes_most": 32 * GIGABYTE}, {}, "at most 32000 MB; a node here has 64000."),
        ({"nodes": 5}, {}, "It asks for 5 nodes; a job of this project may have 4 here."),
        ({"limit_seconds": 11 * HOUR}, {}, "limit is 39600 s; here it may be 36000 s at most."),
        ({}, {"data_missing": ("ecg", "mri")}, "that do not lie at this site: ecg, mri."),
        ({}, {"bar": Sentence("It is closed.")}, "It is closed."),
        ({"nodes": 2}, {"available_seconds": HOUR}, "It would hold 2.006 node-h; 1.0 are left"),
        ({"ends_by": at(59)}, {}, "may run until 2026-11-26 13:00:00+00:00, after its deadline"),
        ({"ends_by": at(59)}, {"starts_at": None}, "after its deadline"),
    ],
)
def test_every_need_that_is_not_met_has_its_sentence(needs, changes, reason):
    obstacle = find_obstacle(replace(NEEDS, **needs), offer(**changes))
    assert reason in str(obstacle)


@pytest.mark.parametrize("kind", ["GH200", "gh200", "Hopper", "NVIDIA-GH200", ""])
def test_a_kind_of_accelerator_is_found_in_the_words_of_the_hardware(kind):
    assert find_obstacle(replace(NEEDS, accelerator=kind), offer()) is None


@pytest.mark.parametrize(
    ("needs", "better", "worse", "taken", "not_taken"),
    [
        (
            {"ends_by": at(600)},
            {"starts_at": at(90)},
            {"starts_at": None},
            "expected to end by its deadline",
            "cannot be said before it waits there",
        ),
        (
            {},
            {"starts_at": at(90)},
            {"bytes_to_move": 2 * GIGABYTE},
            "Less data than elsewhere",
            "2.0 GB would be moved there, and 0.0 GB to B.",
        ),
        ({}, {}, {"starts_at": at(15)}, "to start first; next would be A", "It would start there"),
        ({}, {}, {"starts_at": None}, "to start first", "cannot be said before it waits there"),
        (
            {},
            {"green_percent": 50, "starts_at": at(14)},
            {"green_percent": 40},
            "50 % of its time lie in preferred hours here; next would be A",
            "40 % of its time there lie in preferred hours, and 50 % on B",
        ),
        (
            {"may_wait": True},
            {"green_percent": 50, "starts_at": at(500)},
            {"green_percent": 40},
            "50 % of its time",
            "40 % of its time",
        ),
    ],
)
def test_what_counts_counts_in_this_order(needs, better, worse, taken, not_taken):
    needs = replace(NEEDS, **needs)
    choice = choose(needs, [offer("a", **worse), offer("b", **better)])
    assert check_found(choice).partition_id == "b"
    assert taken in str(choice.chosen.sentence)
    assert not_taken in str(choice.others[0].sentence)


def test_of_equals_the_first_by_id_is_taken():
    choice = choose(NEEDS, [offer("b"), offer("a")])
    assert choice.chosen.partition_id == "a"
    assert {str(each.sentence).split(";")[0] for each in choice.verdicts} == {
        "It is as good as B",
        "It is as good as A",
    }


def test_the_only_one_that_fits_is_said_to_be_the_only_one():
    choice = choose(NEEDS, [offer("a"), offer("b", country="FR")])
    assert "the only partition" in str(choice.chosen.sentence)


def test_a_job_that_fits_nowhere_is_refused_with_every_reason():
    choice = choose(replace(NEEDS, nodes=9), [offer("a"), offer("b", country="FR")])
    with pytest.raises(NowhereToRun) as refused:
        check_found(choice)
    assert "A: It asks for 9 nodes" in str(refused.value)
    assert "B: It carries health data" in str(refused.value)
    with pytest.raises(NowhereToRun, match="It has time nowhere"):
        check_found(Choice(verdicts=()))


@pytest.mark.parametrize(
    ("current", "other", "moves"),
    [
        ({"starts_at": at(60)}, {"starts_at": at(45)}, True),
        ({"starts_at": at(60)}, {"starts_at": at(51)}, False),  # less than ten minutes
        ({"starts_at": at(200)}, {"starts_at": at(170)}, False),  # less than a fifth of its wait
        ({"starts_at": at(200)}, {"starts_at": at(155)}, True),
        ({"starts_at": at(60)}, {"starts_at": None}, False),
        ({"starts_at": None}, {"starts_at": at(600)}, True),
        ({"starts_at": at(60)}, {"green_percent": 100, "starts_at": at(60)}, False),
        ({"bytes_to_move": GIGABYTE}, {"starts_at": at(200)}, True),
        ({"bytes_to_move": GIGABYTE - 1}, {"starts_at": at(200)}, False),
        ({"nodes_most": 0}, {"starts_at": at(600)}, True),  # it no longer fits where it is
        ({"nodes_most": 0}, {"nodes_most": 0}, False),
        ({}, {"starts_at": at(600)}, False),
    ],
)
def test_a_job_moves_for_a_clear_gain_only(current, other, moves):
    offers = [offer("b", **current), offer("a", **other)]
    choice = find_move(NEEDS, offers, current_id="b")
    assert (choice is not None) == moves
    if choice:
        assert choice.chosen.partition_id == "a"


def test_a_job_whose_own_partition_is_not_among_the_offers_stays():
    assert find_move(NEEDS, [offer("a")], current_id="gone") is None


@given(needs_of_all_kinds, several)
def test_a_job_that_has_moved_does_not_move_back_at_once(needs, offers):
    for current in offers:
        choice = find_move(needs, offers, current_id=current.partition_id)
        if choice is not None:
            assert find_move(needs, offers, current_id=choice.chosen.partition_id) is None


@given(st.none() | st.integers(0, 16), st.integers(0, 16))
def test_a_node_with_more_than_the_upper_end_is_never_taken(most, there):
    needs = replace(NEEDS, cores_most=most, cores_per_node=0)
    obstacle = find_obstacle(needs, offer(cores_per_node=there))
    assert (obstacle is None) is (most is None or there <= most)
