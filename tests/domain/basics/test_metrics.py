"""What is rendered is read back by a strict reader, whatever stands in the labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.exposition import read_exposition

from allmende.domain.basics.metrics import Metric, MetricKind, Sample, render_metrics

VALUES = st.integers(-(10**12), 10**12) | st.floats(-1e12, 1e12).filter(lambda x: x == x)


@given(
    labels=st.dictionaries(st.sampled_from(["site", "group", "state"]), st.text(), max_size=3),
    value=VALUES,
    help=st.text().filter(lambda text: "\r" not in text),
)
def test_every_label_is_read_back_as_it_was(labels, value, help):  # noqa: A002 - its name there
    metric = Metric(name="a_seconds", help=help, samples=(Sample(value=value, labels=labels),))
    read = read_exposition(render_metrics([metric]))
    assert read == {("a_seconds", frozenset(labels.items())): pytest.approx(value)}


def test_a_metric_without_samples_is_left_out_and_a_counter_says_so():
    empty = Metric(name="empty", help="Nothing.", samples=())
    counter = Metric(
        name="events_total",
        help="All.",
        samples=(Sample(value=3, labels={}),),
        kind=MetricKind.COUNTER,
    )
    assert render_metrics([empty, counter]) == (
        "# HELP events_total All.\n# TYPE events_total counter\nevents_total 3\n"
    )
