"""The picture of a lag: always beside its bound, silences marked, the peaks kept."""

from datetime import UTC, datetime, timedelta

from allmende.domain.basics.sites import ShareGroup
from allmende.services.steering import GroupCourse, LagMark
from allmende.web.curves import HEIGHT, LEFT, POINTS_MAX, RIGHT, TABLE_ROWS, TOP, WIDTH
from allmende.web.steering_pictures import draw_lag

BEGAN = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


def a_course(lags, bound=100.0, silent=()) -> GroupCourse:
    return GroupCourse(
        group=ShareGroup(id="sme", name="SMEs"),
        running_nodes=1,
        waiting_nodes=2,
        claimed_nodes=4.0,
        lag_node_seconds=lags[-1],
        worst_lag_node_seconds=max(lags),
        bound_node_seconds=bound,
        met_share=None,
        is_raised=True,
        may_stop=(),
        marks=tuple(
            LagMark(
                at=BEGAN + timedelta(seconds=30 * number),
                lag_node_seconds=lag,
                is_known=number not in silent,
            )
            for number, lag in enumerate(lags)
        ),
    )


def test_the_bound_is_the_top_of_the_picture_and_the_lag_stands_below_it():
    drawing = draw_lag(a_course([0.0, 50.0, 25.0]))
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert drawing.bound == f"M{LEFT} {TOP}.0H{WIDTH - RIGHT}"
    assert drawing.line.startswith(f"M{LEFT}.0 {HEIGHT - 30}.0L{middle} 86.0L")
    assert drawing.tip == (WIDTH - RIGHT, 123.0)
    assert (drawing.highest, drawing.unknown) == ("100", ())


def test_a_lag_beyond_its_bound_is_not_cut_off():
    drawing = draw_lag(a_course([0.0, 200.0]))
    assert drawing.tip == (WIDTH - RIGHT, TOP)
    assert drawing.bound == f"M{LEFT} 86.0H{WIDTH - RIGHT}"


def test_a_single_look_is_a_picture_too():
    assert draw_lag(a_course([7.0])).tip == (LEFT, 149.6)


def test_a_silence_reaches_to_the_next_answer():
    (gap,) = draw_lag(a_course([0.0, 1.0, 1.0, 1.0], silent={1})).unknown
    assert gap == f"M150.7 {TOP}H251.3V{HEIGHT - 30}H150.7Z"


def test_of_very_many_looks_the_peaks_and_the_silences_stay():
    lags = [0.0] * 5000
    lags[1234] = 99.0
    drawing = draw_lag(a_course(lags, silent={777}))
    assert drawing.line.count("L") <= POINTS_MAX + 2
    assert f" {TOP + (HEIGHT - 30 - TOP) / 100:.1f}" in drawing.line
    assert len(drawing.unknown) == 1
    assert len(drawing.rows) <= TABLE_ROWS + 1
