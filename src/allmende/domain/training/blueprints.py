"""A blueprint is a tested training recipe: its command, parameters, data and compute formula."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.training import fields
from allmende.domain.training.amounts import read_memory
from allmende.domain.training.fields import Fields, Finding
from allmende.domain.training.formulas import evaluate, names_in
from allmende.domain.training.job_files import DATA_CLASSES
from allmende.domain.training.models import DATA_KINDS
from allmende.domain.training.sweep_values import ParamValue

LANGUAGES = ("en", "de")
ROOM = 4  # times what a blueprint takes on a quiet core
UNMEASURED_SECONDS = 3600


class InvalidBlueprint(Refusal):
    """The blueprint {blueprint} has mistakes. {findings}"""

    status = 500


class InvalidParams(Refusal):
    """The parameters do not fit the blueprint {blueprint}. {findings}"""

    status = 422

    def __init__(self, blueprint: str, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(blueprint=blueprint, findings=fields.join(findings))


class NoSuchBlueprint(NotFound):
    """There is no blueprint {blueprint} here. {hint}"""


class TooManyNodesForBlueprint(Refusal):
    """The blueprint {blueprint} runs on at most {most} nodes. Set num_nodes to {most}."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class Text:
    """The same said in both languages of the factory."""

    en: str
    de: str


@dataclass(frozen=True, kw_only=True)
class Param:
    """One setting of a blueprint: its type, range, unit and default."""

    name: str
    type: str  # integer or number
    default: int | float
    min: int | float
    max: int | float
    unit: str
    description: Text


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Data that the blueprint trains on, as the training record shows it."""

    name: str
    origin: str
    licence: str
    records: int
    personal_data: bool
    data_class: str
    curation: str
    bias: str
    kind: str = "public"  # one of DATA_KINDS
    catalogue: str = ""  # the data set that a job names to read them; "" where they come with it


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """Everything that the platform knows about a recipe before it runs."""

    id: str
    version: int
    name: Text
    purpose: Text
    intended_use: Text
    out_of_scope: Text
    task: str
    architecture: str
    tags: tuple[str, ...]
    entry: tuple[str, ...]
    requirements: str
    flop: str
    samples: str
    nodes_max: int
    memory_bytes: int | None
    seconds: int | None = None  # what it takes with its defaults, on one core
    interactive: bool = False  # people open it while it runs, and it leaves no model
    params: Mapping[str, Param] = field(default_factory=dict)
    data: tuple[DataSource, ...] = ()
    german: Mapping[str, str] = field(default_factory=dict)  # of what cards show of it in English

    @property
    def reference(self) -> str:
        """Return the name with its version, as job files write it."""
        return f"{self.id}@{self.version}"

    @property
    def needed_data(self) -> tuple[str, ...]:
        """Return the data sets of the catalogue that it reads, which do not come with it."""
        return tuple(source.catalogue for source in self.data if source.catalogue)


def list_simplest_first(known: Mapping[str, Blueprint]) -> list[Blueprint]:
    """Return the blueprints as one would try them: those that need nothing, then quick ones."""
    return sorted(
        known.values(), key=lambda each: (bool(each.needed_data), each.seconds or math.inf)
    )


def find_blueprint(known: Mapping[str, Blueprint], reference: str) -> Blueprint:
    """Return the blueprint of "medicine" or "medicine@1"; `NoSuchBlueprint` otherwise."""
    name, _, version = reference.partition("@")
    blueprint = known.get(name)
    if blueprint is None:
        raise NoSuchBlueprint(blueprint=reference, hint=fields.did_you_mean(name, known))
    if version not in ("", str(blueprint.version)):
        hint = fields.did_you_mean(blueprint.reference, [blueprint.reference])
        raise NoSuchBlueprint(blueprint=reference, hint=hint)
    return blueprint


def parse_blueprint(value: Mapping[str, Any]) -> Blueprint:
    """Check a blueprint that was read from TOML; refuse it with all mistakes at once."""
    findings: list[Finding] = []
    top = Fields(value, findings=findings)
    resources = top.section("resources")
    memory = read_memory(resources, "memory")
    blueprint = Blueprint(
        **_about(top),
        entry=tuple(str(word) for word in top.items("entry")),
        requirements=top.text("requirements"),
        nodes_max=resources.whole("nodes_max", 1),
        memory_bytes=memory and memory.least,
        seconds=resources.duration("time", None),
        params=_params(top),
        data=tuple(_data_source(item) for item in top.sections("data")),
        german={name: str(text) for name, text in top.mapping("german").items()},
    )
    resources.finish()
    if not blueprint.entry:
        top.find("entry", "{key} is missing.")
    for key in ("flop", "samples"):
        _check_formula(top, key, blueprint)
    top.finish()
    if findings:
        raise InvalidBlueprint(blueprint=blueprint.id or "?", findings=fields.join(findings))
    return blueprint


def _about(top: Fields) -> dict[str, Any]:
    texts = ("id", "task", "architecture", "flop", "samples")
    for key in ("version", *texts):
        top.require(key)
    about: dict[str, Any] = {key: top.text(key) for key in texts}
    about["version"] = top.whole("version", 1)
    about["interactive"] = top.flag("interactive", default=False)
    about["tags"] = tuple(str(tag) for tag in top.items("tags"))
    for key in ("name", "purpose", "intended_use", "out_of_scope"):
        about[key] = _both_languages(top, key)
    return about


def _both_languages(top: Fields, key: str) -> Text:
    section = top.section(key)
    for language in LANGUAGES:
        section.require(language)
    text = Text(en=section.text("en"), de=section.text("de"))
    section.finish()
    return text


def _params(top: Fields) -> dict[str, Param]:
    section, params = top.section("params"), {}
    for name in section.values:
        row = section.section(name)
        for key in ("type", "default", "min", "max"):
            row.require(key)
        low, default, high = (_number(row, key) for key in ("min", "default", "max"))
        params[name] = Param(
            name=name,
            type=row.choice("type", ("integer", "number"), "number"),
            default=default,
            min=low,
            max=high,
            unit=row.text("unit"),
            description=_both_languages(row, "description"),
        )
        if not low <= default <= high:
            row.find(
                "default",
                "{key} is {value}; it must lie between {low} and {high}.",
                value=default,
                low=low,
                high=high,
            )
        row.finish()
    return params


def _number(row: Fields, key: str) -> int | float:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        row.find(key, "{key} is no number.")
        return 0
    return 0 if value is None else value


def _data_source(item: Fields) -> DataSource:
    for key in ("name", "origin", "licence"):
        item.require(key)
    source = DataSource(
        name=item.text("name"),
        origin=item.text("origin"),
        licence=item.text("licence"),
        records=item.whole("records", 0),
        personal_data=item.flag("personal_data", default=True),
        data_class=item.choice("data_class", DATA_CLASSES, "internal"),
        curation=item.text("curation"),
        bias=item.text("bias"),
        kind=item.choice("kind", DATA_KINDS, "public"),
        catalogue=item.text("catalogue"),
    )
    item.finish()
    return source


def _check_formula(top: Fields, key: str, blueprint: Blueprint) -> None:
    names = names_in(getattr(blueprint, key) or "0")
    if names is None:
        top.find(key, "{key}: a formula has numbers, parameters, + - * / and brackets only.")
        return
    for name in sorted(names - blueprint.params.keys()):
        hint = fields.did_you_mean(name, blueprint.params)
        top.find(key, "{key}: there is no parameter {name}. {hint}", name=name, hint=hint)


def check_params(blueprint: Blueprint, params: Mapping[str, ParamValue]) -> dict[str, int | float]:
    """Return all parameters, defaults filled in; refuse with every one that does not fit."""
    findings: list[Finding] = []
    given = Fields(params, findings=findings, path="params.")
    result = {
        name: _checked(given, param) if given.get(name) is not None else param.default
        for name, param in blueprint.params.items()
    }
    given.finish()
    if findings:
        raise InvalidParams(blueprint.reference, findings)
    return result


def _checked(given: Fields, param: Param) -> int | float:
    value = given.values[param.name]
    # A YAML reader takes 1e-3 (without a point) for a text; people mean the number.
    if isinstance(value, str):
        value = _from_text(value)
    span = {"low": param.min, "high": param.max}
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        given.find(param.name, "{key} takes a number from {low} to {high}.", **span)
        return param.default
    if param.type == "integer" and value != int(value):
        given.find(param.name, "{key} takes a whole number from {low} to {high}.", **span)
        return param.default
    if not param.min <= value <= param.max:
        given.find(
            param.name,
            "{key} is {value}; it must lie between {low} and {high}.",
            value=value,
            **span,
        )
    return int(value) if param.type == "integer" else float(value)


def _from_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def check_nodes(blueprint: Blueprint, nodes: int) -> None:
    """Refuse more nodes than the blueprint can use."""
    if nodes > blueprint.nodes_max:
        raise TooManyNodesForBlueprint(blueprint=blueprint.reference, most=blueprint.nodes_max)


def command_for(
    blueprint: Blueprint, params: Mapping[str, ParamValue], *, folder: str, python: str
) -> tuple[str, ...]:
    """Return the command of the training: the interpreter, the script, every parameter."""
    script, *rest = blueprint.entry
    options = (f"--{name}={value}" for name, value in check_params(blueprint, params).items())
    return (python, f"{folder}/{script}", *rest, *options)


def estimate_flop(blueprint: Blueprint, params: Mapping[str, ParamValue]) -> int:
    """Return the compute that the training will take, by the blueprint's formula."""
    return int(evaluate(blueprint.flop, check_params(blueprint, params)))


def expect_seconds(blueprint: Blueprint, params: Mapping[str, ParamValue]) -> int | None:
    """Return about how long the training takes on one core, None where nobody measured it.

    The measured time of the defaults, as much longer as there is more to compute.
    """
    if blueprint.seconds is None:
        return None
    times = estimate_flop(blueprint, params) / max(1, estimate_flop(blueprint, {}))
    return max(1, round(blueprint.seconds * times))


def suggest_seconds(expected_seconds: int | None, *, attempt_seconds: int) -> int:
    """Return the time limit, in whole minutes, of a job that names none: with room for a machine
    that is busy.

    Where nobody knows what to expect it is an hour, or what one attempt may take if that is less:
    a session is not to be cut into pieces.
    """
    if expected_seconds is None:
        return min(UNMEASURED_SECONDS, attempt_seconds)
    return min(-(-ROOM * expected_seconds // 60) * 60, fields.LONGEST_SECONDS)


def count_samples(blueprint: Blueprint, params: Mapping[str, ParamValue]) -> int:
    """Return how many samples the training will see, repeats included."""
    return int(evaluate(blueprint.samples, check_params(blueprint, params)))
