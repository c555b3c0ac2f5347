"""Model and baseline stand on one scale, with what is no estimate or has no twin left out."""

from allmende import wiring

wiring.start()

from allmende.web.estimate_pictures import EDGE, WIDTH, draw_estimates  # noqa: E402


def estimate(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def test_two_intervals_share_a_scale_from_the_lowest_to_the_highest_end():
    record = {
        "evaluation": {
            "model": {"auroc": estimate(0.75, 0.5, 1.0), "alone": estimate(1, 0, 2), "text": "x"},
            "baseline": {"auroc": estimate(0.25, 0.0, 0.5)},
        }
    }
    (drawn,) = draw_estimates(record)
    own, beside = drawn.whiskers
    middle = WIDTH / 2
    assert (drawn.name, own.value, beside.value) == ("AUROC", "0.75", "0.25")
    assert (own.low, own.high) == (middle, WIDTH - EDGE)
    assert (beside.low, beside.high) == (EDGE, middle)
    assert beside.low < beside.at < beside.high == own.low < own.at < own.high


def test_where_all_is_one_value_there_is_still_a_picture():
    same = {"own measure": estimate(1, 1, 1)}
    (drawn,) = draw_estimates({"evaluation": {"model": same, "baseline": same}})
    assert drawn.name == "own measure"
    assert {each.at for each in drawn.whiskers} == {EDGE}
