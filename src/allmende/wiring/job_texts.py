"""Reads the text of a job file, YAML or JSON, into keys and values."""

from typing import Any

import yaml

from allmende.domain.basics.refusals import Refusal


class KeyIsThereTwice(Refusal):
    """Line {line} gives the key {key} once more. Keep one of the two."""

    status = 422


def read_job_text(text: str) -> Any:
    """Return what the text says; `KeyIsThereTwice`, or `yaml.YAMLError` where it is no YAML."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a SafeLoader


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
