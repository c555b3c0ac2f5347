"""Reads the text of a job file, YAML or JSON, into keys and values."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

from allmende.domain.basics.refusals import Refusal
from allmende.domain.training.fields import Finding


class KeyIsThereTwice(Refusal):
    """Line {line} gives the key {key} once more. Keep one of the two."""

    status = 422


def read_job_text(text: str) -> Any:
    """Return what the text says; `KeyIsThereTwice`, or `yaml.YAMLError` where it is no YAML."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a SafeLoader


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


# YAML 1.1 takes 1e-4 for a text, as it has no dot. With its sign it is no hash of a commit either.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+][0-9]+\Z"), list("-+0123456789")
)
