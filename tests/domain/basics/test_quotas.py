from datetime import date

from allmende.domain.basics.quotas import QuotaStyle
from allmende.domain.basics.sites import Partition, PartitionStatus
from allmende.domain.basics.units import TimeUnit


def a_style(style_id, valid_from, valid_to=None):
    return QuotaStyle(
        id=style_id,
        name=style_id,
        source="a site",
        valid_from=valid_from,
        valid_to=valid_to,
        checked_on=date(2026, 1, 1),
    )


def a_partition(**quota_styles):
    return Partition(
        id="p",
        name="P",
        site_id="s",
        country="DE",
        status=PartitionStatus.DESCRIBED,
        unit=TimeUnit.NODE_SECONDS,
        hardware="",
        quota_styles=quota_styles,
    )


def test_the_row_of_the_mode_decides_then_that_of_every_mode_then_none():
    old, new = a_style("old", date(2026, 1, 1)), a_style("new", date(2026, 7, 1))
    partition = a_partition(every=(old, new), playground=())
    assert partition.find_quota_style("fast-lane", on=date(2026, 6, 30)) is old
    assert partition.find_quota_style("fast-lane", on=date(2026, 7, 1)) is new
    assert partition.find_quota_style("fast-lane", on=date(2025, 1, 1)) is None
    assert partition.find_quota_style("playground", on=date(2026, 7, 1)) is None
    assert a_partition().find_quota_style("fast-lane", on=date(2026, 7, 1)) is None


def test_a_style_no_longer_holds_on_the_day_on_which_it_ends():
    partition = a_partition(every=(a_style("short", date(2026, 1, 1), date(2026, 3, 1)),))
    assert partition.find_quota_style("m", on=date(2026, 2, 28)) is not None
    assert partition.find_quota_style("m", on=date(2026, 3, 1)) is None
