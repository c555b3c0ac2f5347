"""The JSON schema of the job file, for editors that complete and check while one types."""

from typing import Any

from allmende.domain.training.conditions import MOST_NAMES, MOST_PARALLEL
from allmende.domain.training.containers import IMAGE, MOUNT
from allmende.domain.training.job_files import (
    DATA_CLASSES,
    LONGEST_NAME,
    LONGEST_PARENT,
    MOST_PARENTS,
    MOST_RETRIES,
    MOUNT_MODES,
    RETRY_REASONS,
)
from allmende.domain.training.models import LONGEST_LICENCE
from allmende.domain.training.resources import CONSTRAINT, KIND
from allmende.domain.training.sweep_values import MOST_DRAWS

DURATION = {
    "type": "string",
    "pattern": "^([0-9]{1,15}[dhms])+$",
    "examples": ["90s", "30m", "1h30m"],
}
COUNT = "[1-9][0-9]{0,8}"
MEMORY = "[1-9][0-9]{0,11}[KMGTkmgt]?([Bb]|i[Bb]?)?"
WHOLE = {"type": "integer", "minimum": 1}
SCALAR = {"type": ["string", "number", "boolean"]}
RANGE = {
    "type": "object",
    "required": ["from", "to"],
    "additionalProperties": False,
    "properties": {
        "from": {"type": "number"},
        "to": {"type": "number"},
        "scale": {"enum": ["linear", "log"]},
    },
}


def job_file_schema() -> dict[str, Any]:
    """Return the schema; every key carries the sentence that the reference page shows."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Allmende job file",
        "type": "object",
        "required": ["name"],
        "oneOf": [{"required": ["blueprint"]}, {"required": ["run"]}],
        "additionalProperties": False,
        "properties": {**_what(), **_how_much(), **_conditions(), **_rest()},
    }


def _section(described: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "description": described,
        "additionalProperties": False,
        "properties": properties,
    }


def _text(described: str) -> dict[str, Any]:
    return {"type": "string", "description": described}


def _range(
    part: str, described: str, *, before: str = "", alone: str = "", endless: bool = True
) -> dict[str, Any]:
    """Return an amount: one number, or from so much on; `before` may stand before it.

    What `alone` matches is an amount without any number.
    """
    start = f"({before})?" if before else ""
    rest = rf"(\+|\.\.({part})?)?" if endless else rf"(\.\.{part})?"
    return {
        "type": ["integer", "string"],
        "minimum": 1,
        "pattern": f"^({start}{part}{rest}|{alone})$" if alone else f"^{start}{part}{rest}$",
        "description": described,
    }


def _what() -> dict[str, Any]:
    return {
        "name": _text("What people call the job; at most 80 characters.")
        | {"maxLength": LONGEST_NAME},
        "blueprint": _text("A tested training recipe, with its version: medicine@1."),
        "params": {
            "type": "object",
            "description": "Parameters of the blueprint; own code gets its own as variables.",
            "additionalProperties": SCALAR,
        },
        "sweep": {
            "type": "object",
            "description": "Parameters and the values to try: one job for each combination.",
            "additionalProperties": {
                "oneOf": [{"type": "array", "items": SCALAR, "minItems": 1}, RANGE]
            },
        },
        "draws": WHOLE
        | {
            "maximum": MOST_DRAWS,
            "description": "Draws from the ranges of a sweep; 8 if left out.",
        },
        "sweep_seed": {
            "type": "integer",
            "minimum": 0,
            "description": "Start of the random draws; 0 when left out.",
        },
        "halving": _section(
            "Which jobs of a sweep go on to the end; all when left out.",
            metric=_text("The metric that is compared, as the code reports it."),
            goal={"enum": ["min", "max"], "description": "What is better: min when left out."},
            first=WHOLE | {"description": "Steps after which it is compared first."},
            keep={
                "type": "integer",
                "minimum": 2,
                "maximum": 16,
                "description": "One in so many goes on, and steps until the next; 3 if left out.",
            },
        )
        | {"required": ["metric", "first"]},
        "run": _text("The shell lines of your own code, in place of a blueprint."),
        "image": _text("The container that setup and run are executed in: a path, or a name.")
        | {"pattern": f"^{IMAGE.pattern}$"},
        "setup": _text(
            "Shell lines that make its environment, once for all jobs that say the same."
        ),
        "workdir": _text(
            "The folder that comes along, from that of the job file on; setup and run start in it."
        ),
        "envs": {
            "type": "object",
            "description": "Environment variables for run; names with ALLMENDE_ are taken.",
            "additionalProperties": {"type": ["string", "number"]},
        },
        "secrets": {
            "type": ["array", "object"],
            "items": {"type": "string"},
            "additionalProperties": {"type": "null"},
            "description": "Names of secrets of the project, which run gets as variables.",
        },
    }


def _how_much() -> dict[str, Any]:
    return {
        "resources": _section(
            "What each node gives the job.",
            cpus=_range(COUNT, "Processor cores: 4, 4+ or 4..8; one when left out."),
            memory=_range(
                MEMORY, "Memory: 512M, 32G+, or 32 for GiB; all of the node's when left out."
            ),
            accelerators=_range(
                COUNT,
                "Accelerators, with their kind or without: H100:4, 4+ or 1..4; H100 is one.",
                before=".*:",
                alone=KIND.pattern,
            ),
            specialisation=_text("What the nodes must be made for, such as robotics or medicine."),
            constraint=_text(
                "Features of the nodes, on Slurm, as --constraint takes them: a100&ib."
            )
            | {"pattern": f"^{CONSTRAINT.pattern}$"},
        ),
        "partition": _text("The only partition on which it may run; left out, one is chosen."),
        "num_nodes": _range(
            COUNT, "Nodes, such as 2 or 1..4; run starts once on each.", endless=False
        ),
        "max_duration": DURATION
        | {
            "description": "The longest that the job may take; left out, 4m, or four times what "
            "its blueprint takes."
        },
    }


def _conditions() -> dict[str, Any]:
    names = {"type": "array", "items": {"type": "string"}, "maxItems": MOST_NAMES}
    return {
        "after": names
        | {"description": "Jobs that must have ended before, however: their ids or your keys."},
        "after_ok": names
        | {"description": "Jobs that must have completed before; if one did not, it is cancelled."},
        "array": _text("One job for each index, such as 1-20; 1-20%4 for at most 4 at once.")
        | {"pattern": "^[0-9]+(-[0-9]+(%[1-9][0-9]*)?|/[1-9][0-9]*)$"},
        "max_parallel": WHOLE
        | {
            "maximum": MOST_PARALLEL,
            "description": "Jobs of a sweep or an array at once; all when left out.",
        },
        "when": _section(
            "How long the job may wait by choice, for better hours, and by when it must end.",
            flexible_until=_text("The latest start: how long from now, 12h, or 2026-12-01T08:00."),
            deadline=_text("By when it must have ended: in 2d, or 2026-12-01T08:00."),
        ),
    }


def _rest() -> dict[str, Any]:
    return {
        "checkpoint": _section(
            "How often the state of the training is kept.",
            every=DURATION
            | {"description": "Time between two checkpoints; left out, the code decides."},
            keep=WHOLE | {"description": "Checkpoints kept; two when left out."},
        ),
        "retry": _section(
            "When a job that did not finish starts again from its checkpoint.",
            on={
                "type": "array",
                "items": {"enum": list(RETRY_REASONS)},
                "description": "preempted, node_fail, failed; the first two when left out.",
            },
            max={
                "type": "integer",
                "minimum": 0,
                "maximum": MOST_RETRIES,
                "description": "Tries again until it gives up, at most 10; 3 when left out.",
            },
        ),
        "data": {
            "type": "array",
            "description": "Data sets of the catalogue that the job reads; it runs where they lie.",
            "items": _section(
                "One data set.",
                uri=_text("Which data set: allmende:NAME, or allmende:NAME@VERSION."),
                mount=_text("Where the container of image shows them, such as /data.")
                | {"pattern": f"^{MOUNT.pattern}$"},
                mode={
                    "enum": list(MOUNT_MODES),
                    "description": "ro to read; rw is refused, for others read them too.",
                },
            ),
        },
        "data_class": {
            "enum": list(DATA_CLASSES),
            "description": "How sensitive the data are; this limits where the job may run.",
        },
        "preemptible": {
            "type": "boolean",
            "description": "Whether it may be stopped for others and resumed; true when left out.",
        },
        "reservation": _text("The reservation inside which it runs; anywhere when left out."),
        "record": _section(
            "For the model card and the training record.",
            licence=_text("Licence of the model, such as CC-BY-4.0; the owner keeps all rights.")
            | {"maxLength": LONGEST_LICENCE},
            purpose=_text("What the model is for."),
            family=_text("The model of which this is the next version; the name when left out.")
            | {"maxLength": LONGEST_NAME},
            parents={
                "type": "array",
                "maxItems": MOST_PARENTS,
                "items": {"type": "string", "minLength": 1, "maxLength": LONGEST_PARENT},
                "description": "Models trained further: their ids here, or names from elsewhere.",
            },
        ),
    }
