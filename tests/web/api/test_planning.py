"""The planner, as programs ask for it."""

import pytest

pytestmark = pytest.mark.django_db


def test_anybody_gets_a_plan(call):
    answer = call("GET", "/plan-training?params=70B&tokens=15T&machine=jupiter").json()
    assert answer["flop"] == 63 * 10**23
    for name in ("gpu_hours", "days", "energy_kwh", "cost_eur"):
        assert answer[name]["low"] < answer[name]["expected"] < answer[name]["high"]
    assert answer["machine"] == "jupiter"
    assert answer["parallelism"]["tensor"] <= 4
    assert [mark["is_reached"] for mark in answer["ai_act_marks"]] == [True, True, False]


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ("params=70B", 422, "InvalidRequest"),
        ("params=70 bananas&tokens=1T&gpu=h100", 422, "InvalidInput"),
        ("params=0&tokens=1T&gpu=h100", 422, "InvalidInput"),
        ("params=-1&tokens=1T&gpu=h100", 422, "InvalidInput"),
        ("params=7B&tokens=1T&gpu=h1000", 404, "NoSuchGpu"),
        ("params=7B&tokens=1T&machine=jupitr", 404, "NoSuchMachine"),
        ("params=7B&tokens=1T", 422, "InvalidInput"),
        ("params=7B&tokens=1T&gpu=h100&machine=lumi&gpus=99999", 422, "MoreThanThereIs"),
        ("params=7B&tokens=1T&gpu=h100&precision=fp4", 422, "InvalidRequest"),
        ("params=7B&tokens=1T&gpu=a100&precision=fp8", 422, "NoSuchPrecision"),
        ("params=7B&active_params=8B&tokens=1T&gpu=h100", 422, "TooManyActive"),
        ("params=1T&tokens=1T&gpu=h100&gpus=8", 422, "ModelTooLarge"),
    ],
)
def test_what_cannot_be_planned_is_said(call, asked, status, code):
    answer = call("GET", f"/plan-training?{asked}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
