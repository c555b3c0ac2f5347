"""What a job asks for, once its job file is checked: every default filled in, one unit each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allmende.domain.training import fields
from allmende.domain.training.amounts import Amount, render_amount
from allmende.domain.training.conditions import Array
from allmende.domain.training.sweep_values import Choices, Halving, ParamValue, write_sweep

USUAL_RETRY_REASONS = ("preempted", "node_fail")
RECORD_TEXTS = ("licence", "purpose", "family")
DEFAULT_MAX_DURATION_SECONDS = 240


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
    params: Mapping[str, ParamValue] = field(default_factory=dict)  # own code: as variables
    workdir: str = ""  # "." or "code": a folder to bring along; then "sha256:…", once it is here
    image: str = ""  # in which setup and run are executed; empty: on the node itself
    setup: str = ""
    run: str = ""
    envs: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  # names of the project's; values are no part of a job file
    cpus: int = 1
    cpus_most: int | None = None  # a node may have no more; None: one number was asked for
    memory_bytes: int | None = None  # per node; None: what a node of the partition has
    memory_bytes_most: int | None = None
    accelerator: str = ""  # "H100"; empty: any
    accelerators: int = 0  # per node
    accelerators_most: int | None = None
    specialisation: str = ""  # what the nodes must be made for: "robotics"; empty: anything
    constraint: str = ""  # which nodes of a Slurm cluster, by their features, as Slurm writes it
    partition: str = ""  # the only one on which it may run; empty: wherever the project has time
    num_nodes: int = 1
    num_nodes_most: int | None = None  # None: as many as were asked for, or chosen
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
        given = ("workdir", "image", "setup", "reservation", "partition")
        result |= {key: value for key in given if (value := getattr(self, key))}
        result |= {
            "params": dict(self.params),
            "envs": dict(self.envs),
            "resources": self._resources(),
            "num_nodes": _count(self.num_nodes, self.num_nodes_most),
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
        resources: dict[str, Any] = {"cpus": _count(self.cpus, self.cpus_most)}
        if self.memory_bytes:
            memory = Amount(self.memory_bytes, self.memory_bytes_most)
            resources["memory"] = render_amount(memory, fields.render_memory)
        if self.accelerators:
            kind = f"{self.accelerator}:" if self.accelerator else ""
            count = _count(self.accelerators, self.accelerators_most)
            resources["accelerators"] = f"{kind}{count}"
        given = ("specialisation", "constraint")
        return resources | {key: value for key in given if (value := getattr(self, key))}

    @property
    def goes_on(self) -> bool:
        """Say whether its code saves checkpoints, so that it may take several attempts."""
        return bool(self.blueprint) or self.checkpoint_seconds is not None

    def environment(self) -> dict[str, str]:
        """Return the variables that the job's processes get besides those of the platform."""
        checkpoints = {"ALLMENDE_CHECKPOINTS_KEPT": str(self.checkpoints_kept)}
        if self.checkpoint_seconds is not None:
            checkpoints["ALLMENDE_CHECKPOINT_SECONDS"] = str(self.checkpoint_seconds)
        return {**self.variables(), **checkpoints, **self._task()}

    def variables(self) -> dict[str, str]:
        """Return the variables that the file itself gives: for own code its parameters, too."""
        params = {} if self.blueprint else self.params
        return {**self.envs, **{name: fields.render_value(value) for name, value in params.items()}}

    def _task(self) -> dict[str, str]:
        if self.array is None:
            return {}
        return {
            "ALLMENDE_ARRAY_INDEX": str(self.array.first),
            "ALLMENDE_ARRAY_COUNT": str(self.array.count),
        }

    def shell_command(self) -> tuple[str, ...]:
        """Return how to run the user's own script, which stops at the first error."""
        assert self.run, "a blueprint makes its own command"
        return ("/bin/bash", "-e", "-o", "pipefail", "-c", self.run)


def _count(least: int, most: int | None) -> int | str:
    return least if most is None else render_amount(Amount(least, most))
