"""A job file says what to run, with which parameters, on how much, and for how long at most."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training import fields
from allmende.domain.training.amounts import UNBOUNDED
from allmende.domain.training.code_archives import find_hash, is_own_folder
from allmende.domain.training.conditions import read_conditions
from allmende.domain.training.containers import check_container, read_image, read_mount
from allmende.domain.training.fields import Fields, Finding, show
from allmende.domain.training.habits import OURS
from allmende.domain.training.job_specs import (
    DEFAULT_MAX_DURATION_SECONDS,
    USUAL_RETRY_REASONS,
    DataMount,
    JobSpec,
)
from allmende.domain.training.models import LONGEST_LICENCE
from allmende.domain.training.resources import read_resources
from allmende.domain.training.secrets import read_secrets
from allmende.domain.training.sweep_values import read_sweep

DATA_CLASSES = tuple(DataClass)
RETRY_REASONS = ("preempted", "node_fail", "failed")
MOUNT_MODES = ("ro", "rw")
LONGEST_NAME = 80
MOST_PARENTS, LONGEST_PARENT = 20, 200
# Linux starts no program with a word or a variable above 131,072 bytes; setup and run are words.
SCRIPT_BYTES_MAX = 100_000
ENVS_BYTES_MAX = 100_000
# Each lost node is refunded, also one that the job itself brought down: that must end some time.
MOST_RETRIES = 10


class InvalidJobFile(Refusal):
    """The job file was not accepted. {findings}"""

    status = 422

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(findings=fields.join(findings))


class TooManyCores(Refusal):
    """The job asks for {asked} cores a node; a node here has {most}. Ask for fewer cpus."""

    status = 422


class TooManyAccelerators(Refusal):
    """The job asks for {asked} accelerators a node; a node here has {most}. Ask for fewer."""

    status = 422


class NodeTooLarge(Refusal):
    """The job asks for nodes with at most {most} {what}; a node here has {there}. Raise the upper
    end, or write {least}+ for any node with as much."""

    status = 422


def parse_job_file(value: object) -> JobSpec:
    """Check a job file that was read from YAML or JSON; refuse it with all mistakes at once."""
    if not isinstance(value, Mapping) or not value:
        raise InvalidJobFile([_no_mapping()])
    findings: list[Finding] = []
    top = Fields(value, findings=findings, habits=OURS)
    if fields.is_deep(value):
        top.find("", "The job file has lists or sections in each other beyond all use.")
        raise InvalidJobFile(findings)
    if not fields.is_plain(value):
        top.find("", "The job file holds a character that is no text. Write it anew, without it.")
        raise InvalidJobFile(findings)
    spec = JobSpec(
        **_what(top),
        **read_resources(top),
        **_how_long(top),
        data=tuple(_data_mount(item) for item in top.sections("data")),
        data_class=top.choice("data_class", DATA_CLASSES, "internal"),
        preemptible=top.flag("preemptible", default=True),
        reservation=top.text("reservation"),
        **read_sweep(top),
        **read_conditions(top),
        **_record(top.section("record")),
    )
    _check_what(top, spec)
    top.finish()
    if findings:
        raise InvalidJobFile(findings)
    return spec


def parse_kept_job_file(value: Mapping[str, Any]) -> JobSpec:
    """Return a job file as a job keeps it: one from before some of today's limits is cut to them.

    Its job was accepted, so it goes on.
    """
    kept = dict(value)
    record = dict(kept.get("record") or {})
    if licence := str(record.get("licence", "")):
        line = "".join(each if each.isprintable() else " " for each in licence)
        record["licence"] = line[:LONGEST_LICENCE]
    checkpoint = dict(kept.get("checkpoint") or {})
    for section, key in ((kept, "max_duration"), (checkpoint, "every")):
        if (fields.parse_duration(str(section.get(key))) or 0) > fields.LONGEST_SECONDS:
            section[key] = fields.render_duration(fields.LONGEST_SECONDS)
    return parse_job_file(kept | {"record": record, "checkpoint": checkpoint})


def find_unservable(
    spec: JobSpec, *, cores_per_node: int, accelerators_per_node: int
) -> Iterator[Refusal]:
    """Return the refusals of what a node of the partition cannot give; it never runs with less."""
    if spec.cpus > cores_per_node:
        yield TooManyCores(asked=spec.cpus, most=cores_per_node)
    if spec.accelerators > accelerators_per_node:
        yield TooManyAccelerators(asked=spec.accelerators, most=accelerators_per_node)
    if (spec.cpus_most or UNBOUNDED) < cores_per_node:
        yield NodeTooLarge(
            most=spec.cpus_most, what=Sentence("cores"), there=cores_per_node, least=spec.cpus
        )
    if (spec.accelerators_most or UNBOUNDED) < accelerators_per_node:
        yield NodeTooLarge(
            most=spec.accelerators_most,
            what=Sentence("accelerators"),
            there=accelerators_per_node,
            least=spec.accelerators,
        )


def _no_mapping() -> Finding:
    findings: list[Finding] = []
    Fields({}, findings=findings).find(
        "", "A job file has keys and values; begin with name and blueprint, or name and run."
    )
    return findings[0]


def _what(top: Fields) -> dict[str, Any]:
    top.require("name")
    return {
        "name": _line(top, "name", most=LONGEST_NAME),
        "blueprint": top.text("blueprint"),
        "params": {
            name: value
            for name, value in top.mapping("params").items()
            if _is_param(top, name, value)
        },
        "workdir": _workdir(top),
        "image": read_image(top),
        "setup": top.text("setup"),
        "run": top.text("run"),
        "envs": _envs(top),
        "secrets": read_secrets(top),
    }


def _line(section: Fields, key: str, *, most: int) -> str:
    text = section.text(key)
    if len(text) > most or not text.isprintable():
        section.find(key, "{key} has at most {most} characters, on one line.", most=most)
    return text


def _is_param(top: Fields, name: str, value: object) -> bool:
    if isinstance(value, str | int | float | bool):
        return True
    top.find(f"params.{name}", "{key} takes one value; several values belong under sweep.")
    return False


def _workdir(top: Fields) -> str:
    folder = top.text("workdir")
    if folder and not find_hash(folder) and not is_own_folder(folder):
        top.find("workdir", "{key} is the folder of the job file or one below, such as . or code.")
    return folder


def _envs(top: Fields) -> dict[str, str]:
    envs = {}
    for name, value in top.mapping("envs").items():
        key = f"envs.{name}"
        if not _is_variable(top, key, name):
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            top.find(key, "{key} takes a text or a number. Put it in quotes.")
        else:
            envs[name] = str(value)
    return envs


def _is_variable(top: Fields, key: str, name: str) -> bool:
    if not name.isidentifier() or not name.isascii():
        top.find(key, "{key}: a variable has letters, digits and _ in its name.")
    elif name.startswith("ALLMENDE_"):
        top.find(key, "{key}: names with ALLMENDE_ belong to the platform. Choose another.")
    else:
        return True
    return False


def _how_long(top: Fields) -> dict[str, Any]:
    checkpoint, retry = top.section("checkpoint"), top.section("retry")
    result: dict[str, Any] = {
        "max_duration_seconds": top.duration("max_duration", DEFAULT_MAX_DURATION_SECONDS),
        "checkpoint_seconds": checkpoint.duration("every", None),
        "checkpoints_kept": checkpoint.whole("keep", 2),
        "retry_on": _retry_reasons(retry),
    }
    most = retry.whole("max", 3, least=0, most=MOST_RETRIES)
    result["max_retries"] = most if "node_fail" in result["retry_on"] else 0
    checkpoint.finish()
    retry.finish()
    return result


def _retry_reasons(retry: Fields) -> tuple[str, ...]:
    if not retry.has("on"):
        retry.get("on")
        return USUAL_RETRY_REASONS
    reasons = [str(item) for item in retry.items("on")]
    if not isinstance(retry.values["on"], list | tuple):
        return USUAL_RETRY_REASONS  # it was said already that this is no list
    for reason in reasons:
        if reason not in RETRY_REASONS:
            hint = fields.did_you_mean(reason, RETRY_REASONS)
            retry.find("on", "{key}: there is no {value}. {hint}", value=reason, hint=hint)
    if "failed" in reasons:
        reasons.append("node_fail")  # whoever is tried again for his own fault is for the site's
    return tuple(dict.fromkeys(reasons))


def _data_mount(item: Fields) -> DataMount:
    item.require("uri")
    mount = DataMount(
        uri=item.text("uri"),
        mount=read_mount(item),
        mode=item.choice("mode", MOUNT_MODES, "ro"),
    )
    item.finish()
    return mount


def _record(section: Fields) -> dict[str, Any]:
    result: dict[str, Any] = {
        "licence": _line(section, "licence", most=LONGEST_LICENCE),
        "purpose": section.text("purpose"),
        "family": _line(section, "family", most=LONGEST_NAME),
    }
    parents = section.items("parents")
    if len(parents) > MOST_PARENTS or not all(
        isinstance(name, str) and 0 < len(name) <= LONGEST_PARENT for name in parents
    ):
        section.find("parents", "{key} takes a list of at most {most} models: their ids here, or "
                     "their names elsewhere.", most=MOST_PARENTS)  # fmt: skip
        parents = []
    result["parents"] = tuple(dict.fromkeys(parents))
    section.finish()
    return result


def _check_what(top: Fields, spec: JobSpec) -> None:
    if top.has("blueprint") and top.has("run"):
        top.find("run", "{key}: a blueprint brings its own command. Leave out blueprint or run.")
    if not top.has("blueprint") and not top.has("run"):
        top.find("blueprint", "{key} or run is missing: say what to run.")
    if spec.blueprint and spec.setup:
        top.find("setup", "{key}: a blueprint brings its own environment. Leave it out.")
    check_container(top, spec)
    if len((spec.setup + spec.run).encode()) > SCRIPT_BYTES_MAX:
        top.find(
            "run",
            "{key} and setup have more than {most} bytes together. Let run fetch what is longer.",
            most=SCRIPT_BYTES_MAX,
        )
    if not spec.blueprint:
        _check_params_of_own_code(top, spec)
    if _count_variable_bytes(spec) > ENVS_BYTES_MAX:
        top.find(
            "envs",
            "{key} have more than {most} bytes together. Let run fetch what is longer.",
            most=ENVS_BYTES_MAX,
        )
    if spec.preemptible and set(spec.retry_on) <= {"node_fail", "failed"}:
        top.find(
            "retry.on",
            "{key}: a job that may be stopped for others starts again afterwards. "
            "Add preempted, or set preemptible: false.",
        )
    for name in sorted(spec.sweep.keys() & spec.params.keys()):
        top.find(f"sweep.{name}", "{key} is also under params. Keep one of the two.")


def _check_params_of_own_code(top: Fields, spec: JobSpec) -> None:
    """Note what cannot be: own code finds its parameters as variables."""
    for section, values in (("params", spec.params), ("sweep", spec.sweep)):
        for name, value in values.items():
            key = f"{section}.{name}"
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, float) and not isfinite(each):
                    top.find(key, "{key}: {value} is no number.", value=show(each))
            if _is_variable(top, key, name) and (name in spec.envs or name in spec.secrets):
                top.find(key, "{key} stands under envs or secrets as well. Keep one of the two.")


def _count_variable_bytes(spec: JobSpec) -> int:
    """Return the size of all variables of a job; of a sweep's values the longest count."""
    variables = spec.variables()
    if not spec.blueprint:
        for name, choices in spec.sweep.items():
            texts = map(str, choices) if isinstance(choices, tuple) else ()
            variables[name] = max(texts, key=len, default="")
    return sum(len(f"{name}={value}".encode()) for name, value in variables.items())
