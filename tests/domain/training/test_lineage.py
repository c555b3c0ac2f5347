"""Where a model comes from: sums over its ancestors, and the graph that the pages draw."""

from dataclasses import replace

from allmende.domain.training.ancestry import Ancestry
from allmende.domain.training.blueprints import parse_blueprint
from allmende.domain.training.lineage_graphs import NodeKind, draw_graph
from allmende.domain.training.model_cards import render_card
from allmende.domain.training.records import CarbonFactor, build_record, data_class_of
from allmende.domain.training.summaries import render_summary, summarise
from tests.domain.training.recipes import (
    FACTS,
    RECIPE,
    THRESHOLDS,
    a_training,
    own_training,
    some_outputs,
)
from tests.domain.training.test_model_boms import CASES, PARENT, model_of


def descendant(*parents: str, **ancestors: object):
    ancestry = Ancestry(family="toys", version=2, parents=parents, ancestors=ancestors)
    return build_record(replace(a_training(), ancestry=ancestry), THRESHOLDS)


def test_a_model_from_scratch_counts_itself():
    total = build_record(a_training(), THRESHOLDS)["cumulative"]["model"]
    assert (total["flop"], total["is_lower_bound"], total["ancestors"]) == (5_000_000, False, [])
    assert "modifier" not in total


def test_grandparents_from_elsewhere_make_the_sum_a_lower_bound():
    parent = descendant("elsewhere")
    child = build_record(
        replace(
            a_training(),
            ancestry=Ancestry(family="t", parents=("m-2",), ancestors={"m-2": parent}),
        ),
        THRESHOLDS,
    )
    total = child["cumulative"]["model"]
    assert (total["flop"], total["is_lower_bound"]) == (10_000_000, True)


def test_the_sum_of_a_family_says_what_it_does_not_know():
    family = build_record(CASES["parents"], THRESHOLDS)["cumulative"]["family"]
    assert (family["versions"], family["flop"], family["discarded_flop"]) == (
        2,
        10_000_000,
        2_000_000,
    )
    assert (family["used_seconds"], family["energy_kwh"]) == (26, 0.002)
    assert not family["is_lower_bound"]
    assert build_record(own_training(), THRESHOLDS)["cumulative"]["family"]["is_lower_bound"]


def test_what_was_discarded_stands_apart_with_its_share_of_the_energy():
    record = build_record(a_training(), THRESHOLDS)
    assert record["discarded"] == {
        "attempts": 1,
        "steps": 3,
        "flop": 1_000_000,
        "joules": 720,
        "method": "energy by the share of the operations",
    }
    assert [each["end"] for each in record["attempts"]] == ["preempted", "completed"]


def test_the_card_names_parents_and_carbon():
    carbon = CarbonFactor(grams_per_kwh=363, source="the office")
    card = render_card(build_record(replace(CASES["parents"], carbon=carbon), THRESHOLDS))
    assert "base_model" not in card  # hubs know parents as owner/name alone
    assert '"emissions": 0.363' in card
    assert "- Trained further from toy run (`m-1`), 5 × 10⁶ FLOP" in card
    assert "- Trained further from elsewhere, of unknown compute" in card
    assert "- With all that it descends from: at least 10⁷ FLOP" in card


def test_a_card_of_an_older_record_has_no_lineage():
    record = dict(build_record(a_training(), THRESHOLDS))
    del record["lineage"]
    assert "Where the model comes from" not in render_card(record)


def test_own_code_says_itself_what_data_it_read():
    data = [{"name": "Notes", "kind": "licensed", "licence": "bought", "personal_data": True}]
    outputs = some_outputs(facts={"data": data})
    record = build_record(replace(own_training(), outputs=outputs), THRESHOLDS)
    (row,) = record["data"]
    assert (row["kind"], row["licence"], row["personal_data"]) == ("licensed", "bought", True)
    assert (row["origin"], row["sha256"], row["data_class"]) == (None, None, "internal")


def test_hardware_figures_that_do_not_fit_are_findings():
    hardware = {"peak_teraflops": 0, "utilisation_percent": 101}
    facts = some_outputs(facts=FACTS | {"hardware": hardware}).facts
    assert [each.key for each in facts.findings] == [
        "hardware.peak_teraflops",
        "hardware.utilisation_percent",
    ]
    fine = some_outputs(facts={"hardware": {"peak_teraflops": 989.5}}).facts.hardware
    assert (str(fine.peak_teraflops), fine.utilisation_percent) == ("989.5", None)


def test_the_most_harmful_class_of_the_data_counts():
    record = build_record(a_training(), THRESHOLDS)
    assert data_class_of(record) == "internal"
    assert data_class_of({"data": [{"data_class": "public"}, {"data_class": "health"}]}) == "health"
    assert data_class_of({}) == "internal"


def test_the_graph_leads_from_data_and_code_to_the_model_and_on():
    child = replace(PARENT, id="m-9", version=3)
    graph = draw_graph(model_of(CASES["parents"]), children=[child])
    assert [node.kind for node in graph.nodes] == [
        NodeKind.DATA,
        NodeKind.CODE,
        NodeKind.PARENT,
        NodeKind.PARENT,
        NodeKind.JOB,
        NodeKind.ATTEMPT,
        NodeKind.ATTEMPT,
        NodeKind.ENERGY,
        NodeKind.MODEL,
        NodeKind.CHILD,
    ]
    known = {node.id for node in graph.nodes}
    assert all({edge.source, edge.target} <= known for edge in graph.edges)
    reached = {"data:1"}
    for _ in graph.nodes:
        reached |= {edge.target for edge in graph.edges if edge.source in reached}
    assert {"model", "child:m-9"} <= reached
    assert graph.nodes[2].model_id == "m-1"
    assert graph.nodes[3].model_id == ""


def test_many_attempts_are_one_node_and_an_old_record_has_none():
    run = a_training().run
    many = replace(a_training(), run=replace(run, tries=run.tries * 4))
    attempts = [n for n in draw_graph(model_of(many)).nodes if n.kind is NodeKind.ATTEMPT]
    assert [node.label.english() for node in attempts] == ["8 attempts"]
    old = draw_graph(replace(PARENT, record={}))
    assert [node.id for node in old.nodes] == ["code", "job", "energy", "model"]
    assert [(each.source, each.target) for each in old.edges][1] == ("job", "energy")


def test_energy_that_nobody_measured_is_said_so():
    (energy,) = (n for n in draw_graph(model_of(own_training())).nodes if n.id == "energy")
    assert str(energy.detail) == "not measured"


def test_the_public_summary_has_three_parts():
    summary = render_summary(summarise(PARENT, provider="Uni"))
    assert list(summary) == ["general", "sources", "processing"]
    assert summary["general"]["provider"] == "Uni"
    assert (summary["general"]["records"], summary["general"]["bytes"]) == (1200, 99)
    assert summary["general"]["depends_on"] == "nothing"
    assert summary["sources"]["public"] == "Toys, made here, CC0-1.0"
    assert summary["sources"]["crawled"] == "none"
    assert summary["processing"]["bias"] == "Toys: round ones only"
    assert summary["processing"]["personal_data"] == "no"


def test_a_summary_is_there_in_both_languages():
    recipe = RECIPE | {"german": {"made here": "hier gemacht", "round ones only": "nur runde"}}
    model = model_of(replace(a_training(), blueprint=parse_blueprint(recipe)))
    parts = summarise(model, provider="Uni")
    lines = {line.key: line.value for part in parts for line in part.lines}
    assert lines["public"].facts["told"] == {
        "en": "Toys, made here, CC0-1.0",
        "de": "Toys, hier gemacht, CC0-1.0",
    }
    assert lines["bias"].facts["told"]["de"] == "Toys: nur runde"
    assert lines["curation"] == "Toys: none"


def test_a_summary_says_what_nobody_said():
    summary = render_summary(summarise(model_of(own_training(), licence=""), provider="Uni"))
    assert summary["sources"]["unsaid"] == "not said"
    assert summary["general"]["licence"] == "not said"
    assert summary["processing"]["personal_data"] == "not said"


def test_personal_data_are_said_to_be_there():
    data = [{"name": "Notes", "personal_data": True}]
    outputs = some_outputs(facts={"data": data})
    model = model_of(replace(own_training(), outputs=outputs))
    summary = render_summary(summarise(model, provider="Uni"))
    assert summary["processing"]["personal_data"] == "yes"
    assert summary["sources"]["unsaid"] == "Notes"


def test_a_model_knows_its_size_and_label():
    assert (PARENT.size_bytes, PARENT.label) == (8, "toys v1")
