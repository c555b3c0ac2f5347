"""How an attempt ended, in words for its owner."""

from collections.abc import Mapping
from typing import Any

from allmende.domain.basics.sentences import Sentence


def describe_end(code: str, facts: Mapping[str, Any]) -> Sentence:
    """Return the sentence for the code that the runner wrote down."""
    return Sentence(TEMPLATES[code].template, dict(facts))


TEMPLATES = {
    "completed": Sentence("It is complete: every process ended by itself, with exit code 0."),
    "exit_code": Sentence(
        "The command ended with exit code {exit_code} on node {node}. "
        "Its last words are in the log."
    ),
    "signal": Sentence(
        "The command was ended by the signal {signal} on node {node}, and nobody here sent it."
    ),
    "no_command": Sentence(
        "The command {command} could not be started: {problem}. Check its name and its path."
    ),
    "no_workdir": Sentence(
        "The folder {workdir} could not be entered: {problem}. Check `workdir` in the job file."
    ),
    "out_of_memory": Sentence(
        "A node has {mebibytes} MiB of memory for this job, and it asked for more. "
        "Ask for more memory, or work on smaller pieces."
    ),
    "timeout": Sentence(
        "The time limit of {limit_seconds} s was reached, and the job stopped when it was asked to."
    ),
    "timeout_killed": Sentence(
        "The time limit of {limit_seconds} s was reached. The job did not stop within "
        "{grace_seconds} s and was ended: what it had not saved is lost."
    ),
    "preempted": Sentence("The job made room for another one and stopped when it was asked to."),
    "preempted_killed": Sentence(
        "The job had to make room for another one. It did not stop within {grace_seconds} s and "
        "was ended: what it had not saved is lost."
    ),
    "cancelled": Sentence("The job was cancelled, and it stopped when it was asked to."),
    "cancelled_killed": Sentence(
        "The job was cancelled. It did not stop within {grace_seconds} s and was ended."
    ),
    "node_fail": Sentence("The node {node} was shut down while the job ran."),
    "node_fail_killed": Sentence("The node {node} was shut down while the job ran."),
    "breakdown": Sentence(
        "The node {node} could not hold the job to its end: {problem}. That happens when a job "
        "changes what lies beside its own folder."
    ),
    "node_died": Sentence("The node {node} died while the job ran. The job is not at fault."),
}
