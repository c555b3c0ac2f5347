from decimal import Decimal

import pytest

from allmende.domain.scheduling import shares
from allmende.domain.scheduling.shares import Share, ShareTree
from tests.domain.scheduling.worlds import a_tree

QUARTERS = a_tree(sme=(250_000, 1), science=(250_000, 1), industry=(0, 2))


def test_the_embedded_partition_keeps_both_quarters():
    shares.check_admission(QUARTERS, capacity_nodes=6)
    assert [group.claim_micronodes(6) for group in QUARTERS.groups] == [1_500_000, 1_500_000, 0]


def test_guarantees_that_do_not_fit_are_refused_with_the_arithmetic():
    with pytest.raises(shares.GuaranteesDoNotFit) as refused:
        shares.check_admission(QUARTERS, capacity_nodes=3)
    assert str(refused.value) == (
        "The guarantees need 3.5 nodes and the partition has 3: (0.75 + 1) + (0.75 + 1). "
        "Lower a guarantee or the widest job that it covers."
    )


def test_guarantees_that_fit_to_the_last_node_are_admitted():
    shares.check_admission(a_tree(g=(500_000, 2)), capacity_nodes=4)
    with pytest.raises(shares.GuaranteesDoNotFit):
        shares.check_admission(a_tree(g=(500_001, 2)), capacity_nodes=4)


def test_siblings_claim_no_more_than_their_parent():
    tree = ShareTree(
        group_depth=2,
        shares=(
            Share(path=("union",), guarantee_ppm=500_000, widest_job_nodes=1),
            Share(path=("union", "sme"), guarantee_ppm=300_000, widest_job_nodes=1),
            Share(path=("union", "science"), guarantee_ppm=300_000, widest_job_nodes=1),
        ),
    )
    with pytest.raises(shares.GuaranteesExceedParent) as refused:
        shares.check_tree(tree)
    assert refused.value.facts == {"parent": "union", "sum_ppm": 600_000, "parent_ppm": 500_000}
    assert tree.group_of(("union", "sme", "p", "u")) == ("union", "sme")


def test_a_project_has_no_guarantee_of_its_own():
    project = Share(path=("sme", "p"), guarantee_ppm=1, widest_job_nodes=1)
    with pytest.raises(shares.GuaranteeOutOfPlace):
        shares.check_tree(ShareTree(shares=(*QUARTERS.shares, project)))


def test_a_ceiling_leaves_room_for_the_guarantee_and_its_widest_job():
    share = Share(path=("g",), guarantee_ppm=500_000, widest_job_nodes=2, ceiling_ppm=500_000)
    with pytest.raises(shares.CeilingBelowGuarantee) as refused:
        shares.check_admission(ShareTree(shares=(share,)), capacity_nodes=8)
    assert refused.value.facts == {"share": "g", "ceiling": 4, "needed": 6}


def test_a_job_wider_than_the_guarantee_covers_is_refused():
    shares.check_job_width(QUARTERS, ("sme", "p", "u"), nodes=1)
    with pytest.raises(shares.WiderThanGuarantee) as refused:
        shares.check_job_width(QUARTERS, ("sme", "p", "u"), nodes=2)
    assert refused.value.facts == {"group": "sme", "nodes": 2, "widest": 1}


def test_a_group_without_guarantee_may_run_jobs_of_any_width():
    shares.check_job_width(QUARTERS, ("industry", "p", "u"), nodes=6)


@pytest.mark.parametrize(
    ("fraction", "ppm"), [(0.25, 250_000), ("1", 10**6), (Decimal("0.1"), 10**5)]
)
def test_fractions_become_exact_millionths(fraction, ppm):
    assert shares.parts_per_million(fraction) == ppm


@pytest.mark.parametrize(
    ("ppm", "nodes", "sentence"),
    [
        (0, 6, "This group has no guarantee: it runs on what the others leave."),
        (500_000, 6, "3 of 6 nodes are guaranteed."),
        (
            250_000,
            6,
            "1.5 of 6 nodes are guaranteed. The fraction is paid over time: what is missing now is "
            "owed until it was delivered.",
        ),
    ],
)
def test_a_guarantee_says_what_it_is_worth(ppm, nodes, sentence):
    share = Share(path=("g",), guarantee_ppm=ppm, widest_job_nodes=1)
    assert shares.describe_guarantee(share, capacity_nodes=nodes).english() == sentence
