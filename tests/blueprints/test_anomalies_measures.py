"""The scoring of the anomalies blueprint against published values of NAB, and no look ahead."""

import math

import numpy as np
import pytest

from tests.blueprints.labs import load_module

nab = load_module("anomalies", "nab")
detector = load_module("anomalies", "detector")
STANDARD = nab.PROFILES["standard"]


def score(flags, windows, profile=STANDARD, quiet_start=0):
    one = nab.Scored(len(flags), windows)
    one.counts = np.arange(len(flags)) >= quiet_start
    one.windows = np.arange(len(windows))
    return one.score(np.array(flags, dtype=bool), profile)


def test_an_alarm_is_worth_what_nab_publishes():
    # The values that NAB's own tests have written down.
    assert float(nab.worth(np.array(-1.0))) == pytest.approx(0.9866142981514305)
    assert float(nab.worth(np.array(-0.5))) == pytest.approx(0.8482836399575131)
    assert float(nab.worth(np.array(0.0))) == 0
    assert float(nab.worth(np.array(3.0))) == -1


def test_only_the_earliest_alarm_in_a_window_counts():
    late = 0.8482836399575131 / 0.9866142981514305
    assert score([0, 0, 1, 0, 0, 0, 0], [(1, 2)]) == pytest.approx(late)
    assert score([0, 0, 0, 0, 1, 0, 0], [(4, 5)]) == pytest.approx(1)
    assert score([0, 0, 0, 0, 1, 1, 0], [(4, 5)]) == pytest.approx(1)
    assert score([0, 0, 1, 0, 1, 0, 0], [(1, 2), (4, 5)]) == pytest.approx(late + 1)


def test_misses_and_false_alarms_cost_what_the_profile_says():
    windows = [(1, 2), (4, 5)]
    costs = {"standard": (-2, -0.11), "reward_low_fp": (-2, -0.22), "reward_low_fn": (-4, -0.11)}
    for name, (missed, false_alarm) in costs.items():
        profile = nab.PROFILES[name]
        assert score([0] * 7, windows, profile) == pytest.approx(missed)
        assert score([1, 0, 0, 0, 0, 0, 0], windows, profile) == pytest.approx(missed + false_alarm)


def test_nothing_counts_in_the_probation():
    assert score([0, 1, 0, 1, 0], [], quiet_start=4) == 0
    assert score([0, 1, 0, 1, 0], [], quiet_start=3) == pytest.approx(-0.11)
    assert np.flatnonzero(nab.Scored(1000, []).counts)[0] == 150
    assert np.flatnonzero(nab.Scored(20_000, []).counts)[0] == 750


def test_no_alarm_at_all_is_zero_and_every_window_hit_at_once_is_a_hundred():
    for profile in nab.PROFILES.values():
        one = nab.Scored(1000, [(300, 400), (600, 700)])
        assert nab.normalise(one.score(np.zeros(1000, bool), profile), 2, profile) == 0
        first = np.isin(np.arange(1000), [300, 600])
        assert nab.normalise(one.score(first, profile), 2, profile) == pytest.approx(100)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("realTraffic/TravelTime_387", -1.7959813307852819),
        ("realAWSCloudwatch/rds_cpu_utilization_cc0c53", -0.13844919792440225),
        ("realKnownCause/rogue_agent_key_hold", -2.44),
        ("realKnownCause/nyc_taxi", -5.0),
    ],
)
def test_alarms_of_a_published_detector_get_their_published_score(
    shared_data, monkeypatch, name, published
):
    """NAB's windowed Gaussian on real series, with the raw scores of NAB's results file."""
    if not (shared_data / "industrial/nab_real.tar.xz").exists():
        pytest.skip("the NAB series are absent")
    monkeypatch.setenv("ALLMENDE_DATA", str(shared_data / "industrial"))
    every, *_ = load_module("anomalies", "series").read_series()
    (one,) = (each for each in every if each.name == name)
    # It raises an alarm where its probability cannot be told from one in double precision.
    tails = [1 - 0.5 * math.erfc(z / 1.4142) for z in detector.rolling_z_score(one.values, 6400)]
    scored = nab.Scored(len(one.values), one.windows)
    assert scored.score(np.array(tails) >= 1.0, STANDARD) == pytest.approx(published)


def test_the_best_threshold_is_found_by_score():
    one = nab.Scored(1000, [(300, 400)])
    scores = np.zeros(1000)
    scores[[200, 310, 800]] = [1.0, 3.0, 2.0]
    at = nab.best_threshold([one], [scores], STANDARD)
    assert 2.0 < at <= 3.0


def test_the_detector_never_looks_ahead():
    dice = np.random.default_rng(3)
    times, values = np.arange(600) * 300.0, dice.normal(size=600)
    options = {"lags": 4, "memory_records": 200, "quiet_records": 20}
    whole, _ = detector.watch(times, values, **options)
    part, _ = detector.watch(times[:400], values[:400], **options)
    assert np.array_equal(whole[:400], part)


def test_a_jump_is_the_loudest_record_and_said_once():
    dice = np.random.default_rng(4)
    values = np.sin(np.arange(2000) / 20) + 0.1 * dice.normal(size=2000)
    values[1500] = 9
    scores, _ = detector.watch(
        np.arange(2000) * 300.0, values, lags=4, memory_records=500, quiet_records=100
    )
    assert int(np.argmax(scores)) == 1500
    assert not scores[1501:1600].any()
