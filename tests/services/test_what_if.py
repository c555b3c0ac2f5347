"""What-if questions: what is refused, what comes of them, and the studio that plays them."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from allmende import wiring
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.basics.refusals import InvalidInput, NotPermitted, Refusal
from allmende.services import outcomes, what_if
from allmende.services.studio import KEPT, MOST_OF_ONE, State, Studio, TooManyQuestions
from allmende.services.what_if import NodesUnknown, WhatIf
from allmende.storage import jobs as job_store
from allmende.wiring.factory import load_factory
from allmende.wiring.languages import translate
from tests.services.running import a_running_factory

SECONDS = 60


def question(machine: str = "hunter", **parts) -> WhatIf:
    first = what_if.first_question(what_if.find_machine(load_factory(), machine))
    return replace(first, **({"days": 3} | parts))


def prepare(asked: WhatIf, reader: Person = DAEMON) -> what_if.Prepared:
    return what_if.prepare(reader, asked, factory=load_factory(), now=wiring.now())


def findings(asked: WhatIf) -> dict[str, str]:
    partition = what_if.find_machine(load_factory(), asked.machine)
    return {found.field: str(found.sentence) for found in what_if.check(asked, partition)}


def test_the_first_question_is_five_points_more_on_the_largest_machine():
    first = what_if.first_question(what_if.find_machine(load_factory(), ""))
    assert (first.machine, first.today, first.guarantee) == ("jupiter-booster", 20, 25)
    assert findings(first) == {}


@pytest.mark.parametrize(
    ("parts", "field", "words"),
    [
        ({"guarantee": 81}, "guarantee", "from 0 to 80"),
        ({"days": 0}, "days", "from 1 to 60"),
        ({"response_seconds": -1}, "response_seconds", "from 0 to 86400"),
        ({"failing_nodes": 189}, "failing_nodes", "has 188 nodes"),
        ({"guarantee": 70}, "guarantee", "The guarantees need"),
        ({"today": 80}, "today", "add up to"),
        ({"workload": "dreamt"}, "workload", "one of the two"),
        ({"workload": "recorded"}, "workload", "none is recorded"),
        ({"machine": "werkbank", "workload": "recorded", "until": "soon"}, "until", "as in 2026"),
        ({"machine": "werkbank", "workload": "recorded", "until": "2026-3-1T1:0Z"}, "until", "as"),
        ({"machine": "werkbank", "days": 60, "load": 150}, "days", "Take at most"),
        ({"guarantee": 45, "power": 40}, "guarantee", "the partition has 75"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(parts, field, words):
    found = findings(question(**parts))
    assert list(found) == [field]
    assert words in found[field]


def test_who_may_not_ask_is_refused_and_so_is_a_machine_without_nodes():
    with pytest.raises(NotPermitted):
        prepare(question(), Person(id="p", name="P", roles=frozenset({Role.APPLICANT})))
    with pytest.raises(NodesUnknown, match="blue-lion"):
        what_if.find_machine(load_factory(), "blue-lion")
    with pytest.raises(InvalidInput, match="from 1 to 60"):
        prepare(question(days=99))


def test_the_same_question_gives_the_same_figures():
    asked = question()
    one, two = (outcomes.answer(prepare(asked)).to_json(translate) for _ in range(2))
    assert one == two
    assert outcomes.answer(prepare(question(seed=2))).to_json(translate) != one


def test_a_larger_guarantee_shortens_the_waits_of_smes_and_lengthens_others():
    outcome = outcomes.answer(prepare(question(guarantee=30, demand=20, days=14)))
    today, then, easy = (part.figures.groups[0].wait_seconds_mean for part in outcome.parts)
    assert then < today < easy
    assert "SMEs would wait" in str(outcome.verdict)
    assert "against EASY" in str(outcome.price)
    assert "<title>" in outcomes.write_report(outcome, translate=translate)
    assert outcome.name_of("elsewhere") == "elsewhere"


def test_energy_is_estimated_where_the_factory_knows_watts_and_says_how():
    assert outcomes.answer(prepare(question())).energy is None  # no watts of Hunter are known
    outcome = outcomes.answer(prepare(question("jupiter-booster", days=1)))
    assert "2862.9 W for a busy node" in str(outcome.energy_method[1])
    document = outcome.to_json(translate)
    assert document["energy"] == str(outcome.energy)
    part = outcome.parts[1].figures
    busy = part.utilisation * part.simulated_seconds * outcome.machine_nodes
    kilowatt_hours = document["scenarios"][1]["energy_kilowatt_hours"]
    assert kilowatt_hours == pytest.approx(busy * 17e6 / 5938 / 3.6e6)
    small = outcomes.answer(
        prepare(question("werkbank", load=60, failing_nodes=3, failing_hours=24))
    )
    assert "(4.0 W × nodes in service" in str(small.energy_method[0])
    assert "instead of" in str(small.energy)


def test_nothing_asked_nothing_changes():
    outcome = outcomes.answer(prepare(question(today=20, guarantee=20)))
    assert str(outcome.verdict).startswith("Nothing changes")


def test_failing_nodes_and_a_power_cap_lengthen_waits_of_what_is_asked_alone():
    sound, failing, capped = (
        outcomes.answer(prepare(question(load=80, **parts))).parts
        for parts in ({}, {"failing_nodes": 188, "failing_hours": 24}, {"power": 50})
    )
    waits = [parts[1].figures.wait_seconds_mean for parts in (sound, failing, capped)]
    assert waits[0] < min(waits[1:])
    assert len({parts[0].figures.wait_seconds_mean for parts in (sound, failing, capped)}) == 1


def test_others_are_stopped_only_where_it_is_asked_and_who_is_owed_waits_less():
    asked = question(today=25, guarantee=25, demand=10, load=120, response_seconds=600)
    parts = outcomes.answer(prepare(asked)).parts
    assert [part.figures.preemptions > 0 for part in parts] == [False, True, False]
    sme = [part.figures.groups[0].wait_seconds_p90 for part in parts]
    assert sme[1] < sme[0]


def test_where_the_configuration_stops_others_today_does_so_too():
    asked = question(machine="werkbank")
    assert asked.response_seconds == 20
    today = outcomes.answer(prepare(replace(asked, guarantee=asked.today))).parts[0]
    assert today.figures.preemptions > 0


@pytest.mark.parametrize(
    ("seconds", "words"), [(90, "90 s"), (600, "10 min"), (9_000, "2.5 h"), (200_000, "2.3 days")]
)
def test_durations_have_one_unit(seconds, words):
    assert str(outcomes.duration(seconds)) == words


@pytest.mark.django_db
def test_recorded_jobs_are_played_as_they_ran(tmp_path):
    with a_running_factory(tmp_path) as factory:
        ids = []
        for number in range(what_if.FEWEST_JOBS):
            ids += [factory.submit("founder", client_key=f"k{number}", run="true")[0].id]
        factory.run_to_end(*ids, seconds=180)
        until = (wiring.now() + timedelta(minutes=1)).strftime(what_if.MINUTE)
        asked = question("werkbank", workload="recorded", until=until, days=1)
        prepared = prepare(asked)
        recorded = len(job_store.list_all_jobs())
        assert len(prepared.rows) == recorded
        outcome = outcomes.answer(prepared)
        assert outcome.parts[0].figures.jobs == recorded
        with pytest.raises(InvalidInput, match="Only 0 jobs"):
            prepare(replace(asked, until="2020-01-01T00:00Z"))


def test_an_instant_that_cannot_be_read_or_is_to_come_is_now():
    now = wiring.now()
    assert what_if.read_until("soon", now) == now
    assert what_if.read_until("2999-01-01T00:00Z", now) == now
    latest = now.strftime(what_if.MINUTE)
    for said, fixed in (("", latest), ("2999-01-01T00:00Z", latest), ("soon", "soon")):
        parts = {"machine": "werkbank", "workload": "recorded", "until": said}
        assert what_if.complete(parts, factory=load_factory(), now=now).until == fixed


class Stage:
    """Stands in for the computation: it waits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.played: list[WhatIf] = []
        self.error: Exception | None = None

    def play(self, prepared, *, progress):
        self.begun.set()
        self.played.append(prepared.question)
        progress(10)
        assert self.go.wait(SECONDS)
        progress(60)
        if self.error:
            raise self.error
        return prepared.question


@pytest.fixture
def stage():
    return Stage()


@pytest.fixture
def studio(stage):
    studio = Studio(stage.play)
    yield studio
    stage.go.set()
    studio.close()


def state_of(studio, person, asked, *, until):
    for _ in range(SECONDS * 100):
        view = studio.look(person, asked)
        if view.state is until:
            break
        threading.Event().wait(0.01)
    return view


def test_two_people_with_one_question_wait_for_one_computation(studio, stage):
    asked = prepare(question())
    assert studio.ask("a", asked).state in (State.WAITING, State.RUNNING)
    studio.ask("b", asked)
    assert stage.begun.wait(SECONDS)
    assert studio.cancel("a", asked.question).state is State.CANCELLED
    assert studio.ask("a", asked).state is State.CANCELLED  # looking begins nothing anew
    assert studio.look("b", asked.question).state is State.RUNNING
    assert studio.ask("a", asked, again=True).state is State.RUNNING
    stage.go.set()
    view = state_of(studio, "b", asked.question, until=State.DONE)
    assert (view.percent, view.outcome) == (100, asked.question)
    assert studio.ask("a", asked, again=True).state is State.DONE
    assert len(stage.played) == 1


def test_what_everybody_cancels_is_given_up_and_may_be_asked_again(studio, stage):
    first, second = prepare(question(seed=1)), prepare(question(seed=2))
    studio.ask("a", first)
    assert stage.begun.wait(SECONDS)
    studio.ask("a", second)
    assert studio.look("a", second.question).state is State.WAITING
    for each in (first, second):
        studio.cancel("a", each.question)
    stage.go.set()
    assert studio.ask("a", second).state is State.CANCELLED
    assert studio.ask("a", second, again=True).is_alive
    assert state_of(studio, "a", second.question, until=State.DONE).outcome == second.question
    assert stage.played == [first.question, second.question]
    assert studio.look("a", first.question).state is State.CANCELLED
    assert studio.cancel("a", second.question).state is State.DONE
    assert studio.look("a", question(seed=99)) is None
    assert studio.cancel("a", question(seed=99)) is None


def test_what_one_person_cancelled_another_may_still_ask(studio, stage):
    asked = prepare(question())
    studio.ask("a", asked)
    studio.cancel("a", asked.question)
    assert studio.ask("a", asked).state is State.CANCELLED
    assert studio.ask("b", asked).is_alive


class Untold(Refusal):
    """This cannot be played."""


@pytest.mark.parametrize(
    ("error", "words"),
    [(ZeroDivisionError("oh"), "broke off on our side"), (Untold(), "This cannot be played.")],
)
def test_an_exception_becomes_the_answer_and_the_thread_lives_on(studio, stage, error, words):
    stage.error = error
    stage.go.set()
    broken, fine = prepare(question(seed=1)), prepare(question(seed=2))
    studio.ask("a", broken)
    view = state_of(studio, "a", broken.question, until=State.FAILED)
    assert words in str(view.error)
    stage.error = None
    studio.ask("a", fine)
    assert state_of(studio, "a", fine.question, until=State.DONE).outcome == fine.question


def test_nobody_fills_the_queue(studio, stage):
    for seed in range(MOST_OF_ONE):
        studio.ask("a", prepare(question(seed=seed)))
    with pytest.raises(TooManyQuestions, match=f"{MOST_OF_ONE} questions"):
        studio.ask("a", prepare(question(seed=77)))
    for seed in range(100, 109):
        studio.ask(f"p{seed}", prepare(question(seed=seed)))
    with pytest.raises(TooManyQuestions, match="12 questions"):
        studio.ask("z", prepare(question(seed=200)))


def test_old_answers_are_forgotten(studio, stage):
    stage.go.set()
    asked = [prepare(question(seed=seed)) for seed in range(KEPT + 3)]
    for each in asked:
        studio.ask("a", each)
        state_of(studio, "a", each.question, until=State.DONE)
    assert studio.look("a", asked[0].question) is None
    assert studio.look("a", asked[-1].question).state is State.DONE


def test_closing_gives_everything_up(stage):
    studio = Studio(stage.play)
    asked = prepare(question())
    studio.ask("a", asked)
    assert stage.begun.wait(SECONDS)
    closing = threading.Thread(target=studio.close)
    closing.start()  # it waits until the computation has ended
    assert state_of(studio, "a", asked.question, until=State.CANCELLED).state is State.CANCELLED
    stage.go.set()
    closing.join(SECONDS)
    assert not closing.is_alive()
    assert studio.look("a", asked.question).state is State.CANCELLED
