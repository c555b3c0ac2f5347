"""Reads the text of a job file, or of answers to a form, YAML or JSON, into keys and values."""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.fields import Finding

# Keys and values in a job file, with each alias (*) written out. Long ones have some hundred.
MOST_NODES = 10_000


class KeyIsThereTwice(Refusal):
    """Line {line} gives the key {key} once more. Keep one of the two."""

    status = 422


class TooMuchToRead(Refusal):
    """The file has more than {most} keys and values, or nests them without end. What is
    repeated with * counts each time."""

    status = 422


class JobFileIsUnreadable(Refusal):
    """The job file {file} cannot be read: {problem}"""

    status = 422


def open_job_file(file: Path) -> Any:
    """Return what a file says, YAML or JSON; refused where it cannot be read."""
    try:
        return read_job_text(file.read_text(encoding="utf-8"))
    except Refusal as refusal:
        raise JobFileIsUnreadable(file=str(file), problem=refusal.sentence) from refusal
    except OSError as error:
        raise JobFileIsUnreadable(file=str(file), problem=error.strerror) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise JobFileIsUnreadable(file=str(file), problem=" ".join(str(error).split())) from error


def read_job_text(text: str) -> Any:
    """Return what the text says, as JSON could say it: no day becomes an object of its own.

    Refused, or `yaml.YAMLError` where it is no YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a SafeLoader
    except RecursionError as error:
        raise TooMuchToRead(most=MOST_NODES) from error


def place_findings(text: str, findings: Iterable[Finding]) -> list[tuple[int | None, Finding]]:
    """Return each mistake with its line, from the first line on; those without one come first."""
    placed = [(find_line(text, finding.key), finding) for finding in findings]
    return sorted(placed, key=lambda pair: pair[0] or 0)


def find_line(text: str, key: str) -> int | None:
    """Return the line of a key such as `resources.cpus` or `data[0].uri`, or of what it is in.

    None where the text has nothing of it.
    """
    node = yaml.compose(text, Loader=_Loader)
    line = None
    for word in re.findall(r"[^.\[\]]+", key):
        at, node = _step(node, word)
        if node is None:
            break
        line = at
    return line


def _step(node: yaml.Node, word: str) -> tuple[int | None, yaml.Node | None]:
    """Return the line and the value of what a node has under a name or a number."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == word:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and word.isdecimal() and int(word) < len(node.value):
        return node.value[int(word)].start_mark.line + 1, node.value[int(word)]
    return None, None


class _Loader(yaml.SafeLoader):
    """A safe loader that keeps the promise of the job file: nothing is ignored in silence."""

    # A day that there is not, such as 2026-02-30, would end the reader instead of being a mistake.
    yaml_implicit_resolvers: ClassVar = {
        letter: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
        for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def get_single_node(self) -> yaml.Node | None:
        """Return the whole text as a tree, unless its aliases make a forest of it."""
        node = super().get_single_node()
        if node is not None and _weigh(node, {}) > MOST_NODES:
            raise TooMuchToRead(most=MOST_NODES)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Return the value of a node; one that is not what its tag says is no YAML."""
        try:
            return super().construct_object(node, deep)
        except (AttributeError, LookupError, ValueError) as error:
            raise yaml.constructor.ConstructorError(
                None, None, f"this is no {node.tag}", node.start_mark
            ) from error

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        """Compose a mapping whose keys are all different; YAML alone keeps the last value."""
        # Here the keys are as written: later a merge (<<) would repeat some that it may override.
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise KeyIsThereTwice(line=key.start_mark.line + 1, key=key.value)
                seen.add(key.value)
        return node


def _weigh(node: yaml.Node, known: dict[int, float]) -> float:
    """Return how many nodes there are with each alias written out; without end, where it repeats
    itself."""
    if id(node) not in known:
        known[id(node)] = math.inf
        below = node.value if isinstance(node, yaml.SequenceNode) else ()
        if isinstance(node, yaml.MappingNode):
            below = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_weigh(each, known) for each in below)
    return known[id(node)]


# YAML 1.1 takes 1e-4 for a text, as it has no dot. With its sign it is no hash of a commit either.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+][0-9]+\Z"), list("-+0123456789")
)
