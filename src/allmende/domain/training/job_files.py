"""A job file says what to run, with which parameters, on how much, and for how long at most."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.refusals import Refusal
from allmende.domain.training import fields
from allmende.domain.training.conditions import Array, read_conditions
from allmende.domain.training.fields import Fields, Finding
from allmende.domain.training.resources import read_resources
from allmende.domain.training.secrets import read_secrets
from allmende.domain.training.sweep_values import (
    Choices,
    Halving,
    ParamValue,
    read_sweep,
    write_sweep,
)

DATA_CLASSES = tuple(DataClass)
RETRY_REASONS = ("preempted", "node_fail", "failed")
USUAL_RETRY_REASONS = ("preempted", "node_fail")
MOUNT_MODES = ("ro", "rw")
RECORD_TEXTS = ("licence", "purpose", "family")
MOST_PARENTS, LONGEST_PARENT = 20, 200
DEFAULT_MAX_DURATION_SECONDS = 240
# Linux starts no program with a word or a variable above 131,072 bytes; setup and run are one word.
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


class CodeNotBrought(Refusal):
    """Your folder {workdir} cannot be brought to the node yet. Leave workdir out; setup and run may
    write what they need into the job's own folder."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class DataMount:
    """Data that the job reads."""

    uri: str
    mount: str = ""  # where a container shows them; "" where nobody asked for that
    mode: str = "ro"

    def to_json(self) -> dict[str, str]:
        """Return it as a job file has it."""
        return {key: value for key, value in vars(self).items() if value}


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """A job file, checked and complete: every default is filled in, every amount has one unit."""

    name: str
    blueprint: str = ""  # "medicine" or "medicine@1"; empty when `run` is given
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    workdir: str = ""
    setup: str = ""
    run: str = ""
    envs: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  # names of the project's; values are no part of a job file
    cpus: int = 1
    memory_bytes: int | None = None  # per node; None: what a node of the partition has
    accelerator: str = ""  # "H100"; empty: any
    accelerators: int = 0  # per node
    specialisation: str = ""  # what the nodes must be made for: "robotics"; empty: anything
    constraint: str = ""  # which nodes of a Slurm cluster, by their features, as Slurm writes it
    partition: str = ""  # the only one on which it may run; empty: wherever the project has time
    num_nodes: int = 1
    max_duration_seconds: int = DEFAULT_MAX_DURATION_SECONDS  # of all attempts that reach a limit
    checkpoint_seconds: int | None = None  # None: as the code thinks best
    checkpoints_kept: int = 2
    retry_on: tuple[str, ...] = USUAL_RETRY_REASONS
    max_retries: int = 3  # lost nodes, and failures, after which the job gives up
    data: tuple[DataMount, ...] = ()
    data_class: str = "internal"
    preemptible: bool = True
    reservation: str = ""  # inside which it runs; empty: wherever there is room
    sweep: Mapping[str, Choices] = field(default_factory=dict)
    draws: int = 0  # from the ranges of a sweep; 0: it has none
    sweep_seed: int = 0
    halving: Halving | None = None  # which jobs of a sweep go on; None: all
    array: Array | None = None
    max_parallel: int = 0  # jobs of a sweep or an array at once; 0: all
    after: tuple[str, ...] = ()  # jobs that must have ended, by id or client key
    after_ok: tuple[str, ...] = ()  # jobs that must have completed
    flexible_until: str = ""  # "12h", or an ISO instant; without an offset, on the site's clocks
    deadline: str = ""  # by when it must have ended: "2d", or an ISO instant, as above
    licence: str = ""
    purpose: str = ""
    family: str = ""  # of which its model is the next version; empty: the job's name
    parents: tuple[str, ...] = ()  # models that it trains further: ids, or names from elsewhere

    def to_json(self) -> dict[str, Any]:
        """Return the whole job file, itself a legal one: `parse_job_file` reads it back."""
        result: dict[str, Any] = {"name": self.name}
        result |= {"blueprint": self.blueprint} if self.blueprint else {"run": self.run}
        given = ("workdir", "setup", "reservation", "partition")
        result |= {key: value for key in given if (value := getattr(self, key))}
        result |= {
            "params": dict(self.params),
            "envs": dict(self.envs),
            "resources": self._resources(),
            "num_nodes": self.num_nodes,
            "max_duration": fields.render_duration(self.max_duration_seconds),
            "checkpoint": self._checkpoint(),
            "retry": {"on": list(self.retry_on), "max": self.max_retries},
            "data": [d.to_json() for d in self.data],
            "data_class": self.data_class,
            "preemptible": self.preemptible,
            **write_sweep(self.sweep, self.draws, self.sweep_seed, self.halving),
            "record": {k: v for k in RECORD_TEXTS if (v := getattr(self, k))},
        }
        if self.parents:
            result["record"]["parents"] = list(self.parents)
        return result | self._conditions()

    def _conditions(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "array": self.array and self.array.render(),
            "max_parallel": self.max_parallel,
            "after": list(self.after),
            "after_ok": list(self.after_ok),
            "secrets": list(self.secrets),
            "when": {k: v for k in ("flexible_until", "deadline") if (v := getattr(self, k))},
        }
        return {key: value for key, value in said.items() if value}

    def _checkpoint(self) -> dict[str, Any]:
        keep = {"keep": self.checkpoints_kept}
        if self.checkpoint_seconds is None:
            return keep
        return {"every": fields.render_duration(self.checkpoint_seconds), **keep}

    def _resources(self) -> dict[str, Any]:
        resources: dict[str, Any] = {"cpus": self.cpus}
        if self.memory_bytes:
            resources["memory"] = fields.render_memory(self.memory_bytes)
        if self.accelerators:
            kind = f"{self.accelerator}:" if self.accelerator else ""
            resources["accelerators"] = f"{kind}{self.accelerators}"
        given = ("specialisation", "constraint")
        return resources | {key: value for key in given if (value := getattr(self, key))}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "JobSpec":
        """Read back what `to_json` wrote."""
        return parse_job_file(value)

    @property
    def goes_on(self) -> bool:
        """Say whether its code saves checkpoints, so that it may take several attempts."""
        return bool(self.blueprint) or self.checkpoint_seconds is not None

    def environment(self) -> dict[str, str]:
        """Return the variables that the job's processes get besides those of the platform."""
        checkpoints = {"ALLMENDE_CHECKPOINTS_KEPT": str(self.checkpoints_kept)}
        if self.checkpoint_seconds is not None:
            checkpoints["ALLMENDE_CHECKPOINT_SECONDS"] = str(self.checkpoint_seconds)
        return {**self.envs, **checkpoints, **self._task()}

    def _task(self) -> dict[str, str]:
        if self.array is None:
            return {}
        return {
            "ALLMENDE_ARRAY_INDEX": str(self.array.first),
            "ALLMENDE_ARRAY_COUNT": str(self.array.count),
        }

    def shell_command(self) -> tuple[str, ...]:
        """Return how to run the user's own script: `setup`, then `run`, stopping at an error."""
        assert self.run, "a blueprint makes its own command"
        return ("/bin/bash", "-e", "-o", "pipefail", "-c", self.script)

    @property
    def script(self) -> str:
        """Return the lines of `setup` and `run` in their order; empty for a blueprint."""
        return f"{self.setup}\n{self.run}".strip()


def parse_job_file(value: object) -> JobSpec:
    """Check a job file that was read from YAML or JSON; refuse it with all mistakes at once."""
    if not isinstance(value, Mapping) or not value:
        raise InvalidJobFile([_no_mapping()])
    findings: list[Finding] = []
    top = Fields(value, findings=findings)
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


def check_servable(spec: JobSpec, *, cores_per_node: int, accelerators_per_node: int) -> None:
    """Refuse what a node of the partition cannot give, instead of running with less."""
    if spec.cpus > cores_per_node:
        raise TooManyCores(asked=spec.cpus, most=cores_per_node)
    if spec.accelerators > accelerators_per_node:
        raise TooManyAccelerators(asked=spec.accelerators, most=accelerators_per_node)
    if spec.workdir not in ("", "."):
        raise CodeNotBrought(workdir=spec.workdir)


def _no_mapping() -> Finding:
    findings: list[Finding] = []
    Fields({}, findings=findings).find(
        "", "A job file has keys and values; begin with name and blueprint, or name and run."
    )
    return findings[0]


def _what(top: Fields) -> dict[str, Any]:
    top.require("name")
    name = top.text("name")
    if len(name) > 80 or not name.isprintable():
        top.find("name", "{key} has at most 80 characters, on one line.")
    return {
        "name": name,
        "blueprint": top.text("blueprint"),
        "params": {
            name: value
            for name, value in top.mapping("params").items()
            if _is_param(top, name, value)
        },
        "workdir": _workdir(top),
        "setup": top.text("setup"),
        "run": top.text("run"),
        "envs": _envs(top),
        "secrets": read_secrets(top),
    }


def _is_param(top: Fields, name: str, value: object) -> bool:
    if isinstance(value, str | int | float | bool):
        return True
    top.find(f"params.{name}", "{key} takes one value; several values belong under sweep.")
    return False


def _workdir(top: Fields) -> str:
    folder = top.text("workdir")
    if folder.startswith("/") or ".." in folder.split("/"):
        top.find("workdir", "{key} is a folder below the job's own, such as . or code.")
    return folder


def _envs(top: Fields) -> dict[str, str]:
    envs = {}
    for name, value in top.mapping("envs").items():
        key = f"envs.{name}"
        if not name.isidentifier() or not name.isascii():
            top.find(key, "{key}: a variable has letters, digits and _ in its name.")
        elif name.startswith("ALLMENDE_"):
            top.find(key, "{key}: names with ALLMENDE_ belong to the platform. Choose another.")
        elif isinstance(value, bool) or not isinstance(value, str | int | float):
            top.find(key, "{key} takes a text or a number. Put it in quotes.")
        else:
            envs[name] = str(value)
    if sum(len(f"{name}={value}".encode()) for name, value in envs.items()) > ENVS_BYTES_MAX:
        top.find(
            "envs",
            "{key} have more than {most} bytes together. Let run fetch what is longer.",
            most=ENVS_BYTES_MAX,
        )
    return envs


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
        mount=item.text("mount"),
        mode=item.choice("mode", MOUNT_MODES, "ro"),
    )
    item.finish()
    return mount


def _record(section: Fields) -> dict[str, Any]:
    result: dict[str, Any] = {name: section.text(name) for name in RECORD_TEXTS}
    if len(result["family"]) > 80 or not result["family"].isprintable():
        section.find("family", "{key} has at most 80 characters, on one line.")
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
    if len(spec.script.encode()) > SCRIPT_BYTES_MAX:
        top.find(
            "run",
            "{key} and setup have more than {most} bytes together. Let run fetch what is longer.",
            most=SCRIPT_BYTES_MAX,
        )
    if not spec.blueprint and (spec.params or spec.sweep):
        top.find(
            "params", "{key} belong to a blueprint. Hand your own code its settings with envs."
        )
    if spec.preemptible and set(spec.retry_on) <= {"node_fail", "failed"}:
        top.find(
            "retry.on",
            "{key}: a job that may be stopped for others starts again afterwards. "
            "Add preempted, or set preemptible: false.",
        )
    for name in sorted(spec.sweep.keys() & spec.params.keys()):
        top.find(f"sweep.{name}", "{key} is also under params. Keep one of the two.")
