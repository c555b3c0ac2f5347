"""`allmende slurm usage|collect|reconcile`, as operators, members and monitoring type them."""

import json
from dataclasses import replace

import pytest

from allmende import cli, wiring
from allmende.cli import usage as command
from allmende.domain.basics.people import Role
from allmende.storage.usage import UsageRow
from allmende.wiring.factory import load_factory
from tests.services.access import person
from tests.services.usage_worlds import (
    NOW,
    SITE,
    Accounting,
    a_record,
    add_project,
    consumed,
    open_pools,
)

pytestmark = pytest.mark.django_db
BARE = replace(SITE, id="bare", name="Bare", slurm=None, partitions=())


@pytest.fixture
def cluster(monkeypatch):
    """A cluster that told of a job, of one that runs, and of one under an unknown account."""
    open_pools()
    add_project("pr-1")
    records = [a_record(), a_record(2, minutes=None), a_record(3, account="guests")]
    accounting = Accounting(records)
    factory = replace(load_factory(), sites=(SITE, BARE))
    monkeypatch.setattr(command, "load_factory", lambda: factory)
    monkeypatch.setattr(command, "usage_reader", lambda _site: accounting)
    monkeypatch.setattr(wiring, "now", lambda: NOW)
    return accounting


@pytest.fixture
def allmende(capsys, cluster):
    olga = person("olga", Role.OPERATOR)

    def type_in(*words: str, expect: int = 0, who: str = olga.id) -> str:
        code = cli.run(["--as", who, "slurm", *words])
        printed = capsys.readouterr()
        assert code == expect, printed.err
        return printed.out or printed.err

    return type_in


def test_a_cluster_is_read_and_every_second_of_difference_has_its_cause(allmende, cluster):
    assert allmende("usage", SITE.id) == "Nothing was read yet.\n"
    assert "3 records read, 3 of them new, 0 changed." in allmende("collect", SITE.id)
    assert "3 records read, 0 of them new, 0 changed." in allmende("collect", SITE.id)
    told = allmende("reconcile", SITE.id)
    assert "running 7200" in told
    assert "unknown_account" in told
    assert "lab: 0 s of difference are unexplained." in told
    cluster.records = []
    assert "not_in_slurm -1200" in allmende("reconcile", SITE.id)
    assert "Nothing ran in this time." in allmende("reconcile", SITE.id, "--to", "2026-11-01")


def test_programs_are_told_the_same_and_more(allmende):
    came = json.loads(allmende("collect", SITE.id, "--json"))
    assert (came["cluster"], came["is_complete"], came["came"]["moved_seconds"]) == (
        *("lab", True),
        1200,
    )
    told = json.loads(allmende("usage", SITE.id, "--json"))
    assert [line["usage"]["state"] for line in told["lines"]] == [
        *("unknown_account", "running", "charged")
    ]
    assert told["bookmark"]["complete_until"].startswith("2026-11-26T12:00:00")
    only = json.loads(allmende("usage", SITE.id, "--findings", "--json"))["lines"]
    assert [line["usage"]["record"]["account"] for line in only] == ["guests"]
    found = json.loads(allmende("reconcile", SITE.id, "--json"))
    assert found["unexplained_seconds"] == 0
    (total,) = found["totals"]
    assert (total["slurm_seconds"], total["ledger_seconds"]) == (1200 + 7200 + 1200, 1200)
    assert total["causes"] == {"running": 7200, "unknown_account": 1200}


def test_pages_of_usage_follow_each_other(allmende):
    allmende("collect", SITE.id)
    first = json.loads(allmende("usage", SITE.id, "--limit", "2", "--json"))["lines"]
    last = str(first[-1]["usage"]["number"])
    rest = json.loads(allmende("usage", SITE.id, "--before", last, "--json"))["lines"]
    assert [line["usage"]["record"]["job_id"] for line in first + rest] == [3, 2, 1]
    assert "guests" in allmende("usage", SITE.id)
    allmende("usage", SITE.id, "--limit", "0", expect=2)


def test_while_the_accounting_lags_behind_collecting_says_so(allmende, cluster):
    cluster.is_behind = True
    assert "The cluster has not told its accounting everything yet" in allmende("collect", SITE.id)


def test_while_nothing_answers_nothing_is_booked_and_the_exit_code_says_it(allmende, cluster):
    cluster.is_down = True
    assert "Nothing answers." in allmende("collect", SITE.id, expect=5)
    assert "Nothing answers." in allmende("reconcile", SITE.id, expect=5)
    assert consumed() == 0


@pytest.mark.parametrize("words", [["usage"], ["reconcile"]])
def test_members_and_strangers_see_nobodys_usage(allmende, words):
    member = person("mia")
    said = allmende(*words, SITE.id, expect=4, who=member.id)
    assert "see every job" in said
    assert allmende(*words, SITE.id, expect=3, who="per-nobody")


@pytest.mark.parametrize("word", ["usage", "collect", "reconcile"])
def test_a_site_without_a_cluster_and_one_that_there_is_not_are_told_apart(allmende, word):
    assert "Only a site with a Slurm cluster has one." in allmende(word, BARE.id, expect=3)
    assert json.loads(allmende(word, "moon", "--json", expect=3))["error"]["code"] == "NotFound"


@pytest.mark.parametrize("said", ["yesterday", "2026-02-30", "0001-01-01", "9999-12-31T23:59Z"])
def test_what_is_no_instant_is_refused_with_an_example(allmende, cluster, said):
    for words in (["collect", SITE.id], ["reconcile", SITE.id]):
        assert "Write a day or an instant such as" in allmende(*words, "--from", said, expect=1)
    assert cluster.asked == []


def test_a_period_that_ends_before_it_begins_is_refused_and_one_in_the_future_ends_now(
    allmende, cluster
):
    assert "It is after the end." in allmende(
        *("reconcile", SITE.id, "--from", "2026-11-26", "--to", "2026-11-25"), expect=1
    )
    allmende("reconcile", SITE.id, "--from", "2027-01-01", "--to", "2028-01-01", expect=1)
    assert cluster.asked == []
    allmende("collect", SITE.id)
    assert "running 7200" in allmende("reconcile", SITE.id, "--to", "2999-12-31")
    assert cluster.asked[-1].ends_at == NOW


def test_an_unexplained_second_is_an_exit_code(allmende):
    """Somebody went past the service: what stands in the ledger has no record."""
    allmende("collect", SITE.id)
    UsageRow.objects.filter(job_id=1).update(charged_seconds=1199)
    assert "of difference are unexplained." in allmende("reconcile", SITE.id, expect=1)


def test_a_day_is_berlins(allmende, cluster):
    allmende("reconcile", SITE.id, "--from", "2026-10-25", "--to", "2026-10-26")
    period = cluster.asked[-1]
    assert f"{period.starts_at:%z} {period.ends_at:%z}" == "+0200 +0100"  # 25 hours
