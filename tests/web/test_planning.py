"""The planner in the portal: a form in the address, its answer, a picture that fits its frame."""

import re

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.people import PUBLIC
from allmende.services import planning
from allmende.services.planning import PlanQuestion
from allmende.web.planning_pictures import BASE, LEFT, RIGHT, TOP, WIDTH, draw_days
from allmende.wiring.planning import load_planning
from tests.services.access import NOON, RULES

pytestmark = pytest.mark.django_db
MODEL = {"params": "7B", "tokens": "1T", "on": "gpu:h100"}


def show(**asked):
    return Client().get("/plan-training", asked)


def test_without_a_question_a_large_model_is_planned():
    shown = show().content.decode()
    assert "GPU-hours" in shown
    assert 'value="70B"' in shown
    assert "allmende plan-training" in shown


def test_the_answer_is_that_of_the_command_line():
    shown = show(**MODEL, gpus="256", active="").content.decode()
    answer = planning.plan(
        PUBLIC,
        PlanQuestion(parameters=7 * 10**9, tokens=10**12, gpu="h100", gpus=256),
        facts=load_planning(),
        rules=RULES,
        now=NOON,
    )
    assert f"data {answer.plan.layout.data}" in shown
    assert "256 GPUs in 32 nodes" in shown
    assert "Fast Lane" in shown
    words = re.sub(r"<[^>]*>", "", shown)
    assert "--params 7B --tokens 1T --gpu h100 --gpus 256" in words


def test_experts_and_their_number_format():
    shown = show(params="671B", active="37B", tokens="15T", on="gpu:h200", precision="fp8")
    assert "experts over" in shown.content.decode()
    assert "--precision fp8" in re.sub(r"<[^>]*>", "", shown.content.decode())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"params": "70 bananas"}, "is no number. Write it like 70e9"),
        ({"tokens": "0"}, "0 is not between 1 and 10^18."),
        ({"params": ""}, "This field is required."),
        ({"on": "gpu:h10"}, "valid choice"),
        ({"gpus": "1e9"}, "not between 1 and 10^6"),
        ({"params": "70B", "gpus": "2"}, "Give at least 16"),
        ({"on": "machine:jupiter", "gpus": "30000"}, "has 23752 GPUs"),
        ({"on": "gpu:a100", "precision": "fp8"}, "does not compute in FP8"),
    ],
)
def test_what_cannot_be_planned_is_said_at_its_place(asked, words):
    answer = show(**{**MODEL, **asked})
    assert answer.status_code == 422
    assert words in answer.content.decode().replace("&quot;", '"')


def test_nothing_is_kept_and_nothing_is_posted(django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        assert show(**MODEL).status_code == 200
    assert Client().post("/plan-training", MODEL).status_code == 405


@given(
    parameters=st.integers(1, 10**11),
    tokens=st.integers(1, 10**15),
    gpus=st.sampled_from([None, 512, 4096]),
    where=st.sampled_from([{"gpu": "mi250x"}, {"machine": "jupiter"}]),
)
def test_the_picture_fits_its_frame(parameters, tokens, gpus, where):
    question = PlanQuestion(parameters=parameters, tokens=tokens, gpus=gpus, **where)
    answer = planning.plan(PUBLIC, question, facts=load_planning(), rules=RULES, now=NOON)
    picture = draw_days(answer)
    numbers = [float(each) for each in re.findall(r"-?\d+\.?\d*", picture.band + picture.line)]
    across, up = [*numbers[::2], picture.point[0]], [*numbers[1::2], picture.point[1]]
    assert min(across) >= LEFT
    assert max(across) <= WIDTH - RIGHT
    assert min(up) >= TOP
    assert max(up) <= BASE
    assert all(TOP <= tick.at <= BASE for tick in picture.up)
    assert len(picture.rows) == len(picture.across) >= 1
