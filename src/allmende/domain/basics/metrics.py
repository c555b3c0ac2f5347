"""Figures for a monitoring system, in the text format that Prometheus reads (version 0.0.4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricKind(StrEnum):
    """Whether a figure goes up and down, or only up."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One value, and what it is the value of."""

    value: int | float
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure with its samples; its name ends in the unit, a counter's in `_total`."""

    name: str
    help: str
    samples: tuple[Sample, ...]
    kind: MetricKind = MetricKind.GAUGE


def render_metrics(metrics: Iterable[Metric]) -> str:
    """Return the metrics as text; one without samples is left out."""
    return "".join(_render(metric) for metric in metrics if metric.samples)


def _render(metric: Metric) -> str:
    lines = [
        f"# HELP {metric.name} {_escape(metric.help)}",
        f"# TYPE {metric.name} {metric.kind.value}",
        *(f"{metric.name}{_labels(each.labels)} {each.value}" for each in metric.samples),
    ]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    written = ",".join(
        f'{name}="{_escape(value).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in labels.items()
    )
    return f"{{{written}}}" if written else ""


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
