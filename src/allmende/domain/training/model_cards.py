"""The model card: README.md with the front matter that model hubs read, from facts alone."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from allmende.domain.basics.powers import write_power, write_share
from allmende.domain.basics.sentences import Sentence, quote
from allmende.domain.training.card_heads import is_estimate, list_estimates, render_front_matter
from allmende.domain.training.measures import MEASURES
from allmende.domain.training.phrases import find_phrases
from allmende.domain.training.privacy import describe_privacy
from allmende.domain.training.records import SCOPE_WORDS

Record = Mapping[str, Any]
# What own code wants to show is kept to what people read.
MOST_TABLES, MOST_ROWS = 10, 50

GERMAN_DIGITS = str.maketrans(",.", ".,")
FIGURES = re.compile(r"[<>]?[0-9]+(\.[0-9]+)?(–[0-9]+(\.[0-9]+)?)?")  # such as 0.1–0.2

Say = Callable[[Sentence], str]  # renders a sentence in a language


def render_card(
    record: Record, *, licence: str | None = None, language: str = "en", say: Say = str
) -> str:
    """Return the card of the model that a training record describes.

    Another licence is one that the owner chose after the training. Model hubs read the card in
    English; `say` renders its sentences in the language that is named, for people.
    """
    granted = record["model"]["licence"] if licence is None else licence
    card = _Card(record, language, say)
    parts = [
        render_front_matter(record, licence=granted),
        f"# {record['model']['name']}",
        card.about(granted),
        card.uses(),
        card.data(),
        card.evaluation(),
        card.subgroups(),
        *card.tables(),
        card.privacy(),
        card.training(),
        card.energy(),
        card.lineage(),
        card.loading(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


class _Card:
    """The sections of a card, in one language."""

    def __init__(self, record: Record, language: str, say: Say) -> None:
        self.record, self.say = record, say
        self.digits = GERMAN_DIGITS if language == "de" else {}
        self.tell = find_phrases(record, language)
        others = record["model"].get("in_other_languages", {})
        self.model = {**record["model"], **others.get(language, {})}

    def head(self, sentence: Sentence) -> str:
        return f"## {self.say(sentence)}"

    def number(self, text: str) -> str:
        return text.translate(self.digits)

    def count(self, value: object) -> str:
        return self.number(f"{value:,}") if isinstance(value, int) else ""

    def rows(self, rows: Iterable[tuple[Sentence, object]], indent: str = "") -> list[str]:
        return [f"{indent}- {self.say(name)}: {value}" for name, value in rows if value]

    def about(self, licence: str | None) -> str:
        lines = [self.head(Sentence("What it is")), ""]
        if self.model["purpose"]:
            lines += [self.model["purpose"], ""]
        none = Sentence("none chosen: all rights stay with the owner")
        trained_by = self.record["run"]["blueprint"] or self.say(Sentence("own code"))
        rows = (
            (Sentence("Architecture"), self.tell(self.model["architecture"] or "")),
            (Sentence("Parameters"), self.count(self.model["parameters"])),
            (Sentence("Licence"), licence or self.say(none)),
            (Sentence("Trained by"), trained_by),
        )
        return "\n".join(lines + self.rows(rows))

    def uses(self) -> str:
        if not self.model["acceptable_use"]:
            return ""
        intended, outside = self.model["acceptable_use"], self.model["out_of_scope"]
        heads = self.head(Sentence("Intended use")), self.head(Sentence("Out of scope"))
        return f"{heads[0]}\n\n{intended}\n\n{heads[1]}\n\n{outside}"

    def data(self) -> str:
        if not self.record["data"]:
            return ""
        lines = [self.head(Sentence("Data")), ""]
        for row in self.record["data"]:
            lines.append(f"- **{self.tell(row['name'])}**")
            facts: list[tuple[Sentence, object]] = [
                (Sentence("data set"), row.get("uri")),
                (Sentence("origin"), self.tell(row.get("origin") or "")),
                (Sentence("licence"), self.tell(row.get("licence") or "")),
                (Sentence("records"), self.count(row.get("records"))),
                (Sentence("curation"), self.tell(row.get("curation") or "")),
                (Sentence("known bias"), self.tell(row.get("bias") or "")),
                (Sentence("SHA-256"), row.get("sha256")),
            ]
            if row.get("personal_data") is not None:
                is_personal = Sentence("yes") if row["personal_data"] else Sentence("no")
                facts.append((Sentence("personal data"), self.say(is_personal)))
            lines += self.rows(facts, indent="  ")
        return "\n".join(lines)

    def evaluation(self) -> str:
        evaluation = self.record["evaluation"]
        values = list_estimates(self.record, "model")
        baseline = list_estimates(self.record, "baseline")
        if not values:
            return ""
        count = self.count(evaluation.get("test_records")) or Sentence("an unstated number of")
        columns = Sentence("measure"), Sentence("model"), Sentence("baseline")
        on = Sentence("On {count} held-out records, with 95 % intervals.", {"count": count})
        lines = [
            self.head(Sentence("Evaluation")),
            "",
            self.say(on),
            self.say(self.baseline(evaluation.get("baseline"))),
            "",
            f"| {' | '.join(map(self.say, columns))} |",
            "|---|---|---|",
        ]
        for key, row in values.items():
            beside = self.interval(baseline[key]) if key in baseline else ""
            measure = self.say(MEASURES[key]) if key in MEASURES else key
            lines.append(f"| {measure} | {self.interval(row)} | {beside} |")
        return "\n".join(lines)

    def baseline(self, said: object) -> Sentence:
        """Return by what name the code calls the baseline: it may say no more than that."""
        named = said.get("name") if isinstance(said, Mapping) else said
        if isinstance(named, str) and named:
            return Sentence("Baseline: {name}.", {"name": self.tell(named)})
        if list_estimates(self.record, "baseline"):
            return Sentence("The baseline has no name.")
        return Sentence("There is no baseline to compare with.")

    def interval(self, row: Mapping[str, Any]) -> str:
        facts = {name: self.number(f"{row[name]:.3f}") for name in ("value", "low", "high")}
        return self.say(Sentence("{value} ({low} to {high})", facts))

    def subgroups(self) -> str:
        table = self.record["evaluation"].get("subgroups")
        if not isinstance(table, Mapping):
            return ""
        by = self.tell(str(table.get("by")))
        title = self.say(Sentence("Subgroups by {feature}", {"feature": by}))
        few = Sentence("Figures that would speak of fewer than five people are not given.")
        return self.table(title, self.say(few), table.get("rows"))

    def tables(self) -> list[str]:
        """Return what the code wants to be read besides, each table under its own heading."""
        tables = self.record["evaluation"].get("tables")
        named = tables[:MOST_TABLES] if isinstance(tables, list) else []
        return [
            self.table(str(each.get("title")), str(each.get("note") or ""), each.get("rows"))
            for each in named
            if isinstance(each, Mapping)
        ]

    def table(self, title: str, about: str, rows: object) -> str:
        sound = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        if not sound:
            return ""
        columns = list(sound[0])
        lines = [f"## {self.cell(title)}", ""] + ([self.cell(about), ""] if about else [])
        lines += [self.line(columns), "|---" * len(columns) + "|"]
        lines += [self.line([row.get(column) for column in columns]) for row in sound[:MOST_ROWS]]
        return "\n".join(lines)

    def line(self, cells: Sequence[object]) -> str:
        return f"| {' | '.join(self.cell(cell) for cell in cells)} |"

    def privacy(self) -> str:
        privacy = self.record.get("privacy") or {}
        told = {name: self.tell(v) if isinstance(v, str) else v for name, v in privacy.items()}
        said = describe_privacy(told, say=self.say, number=self.number)
        return f"{self.head(Sentence('Privacy'))}\n\n{said}" if said else ""

    def training(self) -> str:
        run, compute = self.record["run"], self.record["compute"]
        time = {"seconds": self.number(f"{run['wall_seconds']:.1f}"), "nodes": run["nodes"]}
        time |= {"partition": run["partition"]}
        params = ", ".join(f"{name}={value}" for name, value in sorted(run["params"].items()))
        versions = ", ".join(f"{name} {value}" for name, value in sorted(run["versions"].items()))
        lasted = Sentence("{seconds} s on {nodes} node(s) of {partition}", time)
        rows = (
            (Sentence("Parameters of the run"), params),
            (Sentence("Samples"), self.count(run["samples"])),
            (Sentence("Wall time"), self.say(lasted)),
            (Sentence("Attempts"), self.attempts()),
            (Sentence("Training compute"), self.flop()),
            (Sentence("Code, SHA-256"), run["code_sha256"]),
            (Sentence("Image"), run.get("image")),
            (Sentence("Versions"), versions),
        )
        marks = [f"- {self.mark(mark)}" for mark in compute["marks"][:1]]
        head = self.head(Sentence("How it was trained"))
        return "\n".join([head, "", *self.rows(rows), *marks])

    def attempts(self) -> str:
        run = self.record["run"]
        facts = {"attempts": run["attempts"], "preemptions": run["preemptions"]}
        facts |= {"failures": run["node_failures"]}
        text = self.say(
            Sentence(
                "{attempts}, of which {preemptions} stopped for others and {failures} lost with"
                " their node",
                facts,
            )
        )
        parts = [text]
        ends = [each["end"] for each in self.record.get("attempts", ())]
        if count := ends.count("timeout"):
            parts.append(self.say(Sentence("{count} ended at the time limit", {"count": count})))
        if run["steps_redone"]:
            steps = {"steps": self.count(run["steps_redone"])}
            parts.append(self.say(Sentence("{steps} steps done twice", steps)))
        return "; ".join(parts)

    def flop(self) -> str:
        compute = self.record["compute"]
        if compute["flop_executed"] is None:
            return self.say(Sentence("not measured"))
        facts = {
            "executed": write_power(compute["flop_executed"]),
            "useful": write_power(compute["flop_useful"] or 0),
            "method": self.tell(compute["method"]),
            "hardware": self.measured(compute["hardware_flop"]),
        }
        return self.say(
            Sentence(
                "{executed} FLOP executed, {useful} useful ({method}); by hardware: {hardware}",
                facts,
            )
        )

    def measured(self, value: object) -> str:
        if not isinstance(value, int):
            return self.say(Sentence("not measured"))
        return self.say(Sentence("{flop} FLOP", {"flop": write_power(value)}))

    def mark(self, mark: Mapping[str, Any]) -> str:
        facts = {"flop": write_power(mark["flop"]), "mark": Sentence(mark["mark"])}
        facts |= {"part": write_share(mark["part"])}
        if mark["reached"]:
            return self.say(Sentence("The run passed the mark of {flop} FLOP: {mark}.", facts))
        return self.say(Sentence("The run took {part} of the mark of {flop} FLOP: {mark}.", facts))

    def energy(self) -> str:
        energy, head = self.record["energy"], self.head(Sentence("Energy"))
        if energy["kwh"] is None:
            return f"{head}\n\n{self.say(Sentence('Not measured.'))}"
        facts = {**energy, "method": Sentence(energy["method"])}
        if "co2_source" in energy:
            facts["co2_source"] = quote(energy["co2_source"])
        facts |= {"kwh": self.number(f"{energy['kwh']:.6f}")}
        named = [SCOPE_WORDS.get(each, each) for each in energy["scope"].split(", ") if each]
        facts |= {"scope": ", ".join(self.say(Sentence(each)) for each in named)}
        text = self.say(Sentence("{kwh} kWh, {method}, scope: {scope}.", facts))
        carbon = Sentence("Carbon is not given: the grid's figure is unknown.")
        if "co2_grams" in energy:
            facts |= {"grams": write_power(energy["co2_grams"])}
            facts |= {"per_kwh": self.number(f"{energy['co2_grams_per_kwh']:g}")}
            carbon = Sentence(
                "That stands for {grams} g of CO₂ at {per_kwh} g/kWh ({co2_source}).", facts
            )
        return f"{head}\n\n{text}\n\n{self.say(carbon)}"

    def lineage(self) -> str:
        lineage = self.record.get("lineage")
        if not lineage:
            return ""
        lines = [self.say(Sentence("Version {version} of {family}", lineage))]
        for row in lineage["parents"]:
            facts = {
                "name": row["name"] + (f" (`{row['model']}`)" if row["model"] else ""),
                "flop": Sentence("of unknown compute")
                if row["flop"] is None
                else Sentence("{flop} FLOP", {"flop": write_power(row["flop"])}),
            }
            lines.append(self.say(Sentence("Trained further from {name}, {flop}", facts)))
        total = self.record["cumulative"]["model"]
        if total["flop"] is not None:
            facts = {"flop": write_power(total["flop"])}
            lines.append(
                self.say(
                    Sentence("With all that it descends from: at least {flop} FLOP", facts)
                    if total["is_lower_bound"]
                    else Sentence("With all that it descends from: {flop} FLOP", facts)
                )
            )
        head = self.head(Sentence("Where the model comes from"))
        return "\n".join([head, "", *(f"- {line}" for line in lines)])

    def loading(self) -> str:
        files = self.record["files"]
        weights = [file["name"] for file in files if file["name"].endswith(".safetensors")]
        if not weights:
            return ""
        code = f"from safetensors.numpy import load_file\n\nweights = load_file({weights[0]!r})"
        hashes = "\n".join(f"- `{file['name']}`: {file['sha256']}" for file in files)
        head = self.head(Sentence("How to load it"))
        listed = self.say(Sentence("SHA-256 of the files:"))
        return f"{head}\n\n```python\n{code}\n```\n\n{listed}\n\n{hashes}"

    def cell(self, value: object) -> str:
        if value is None:
            return "–"
        if isinstance(value, float):
            return self.number(f"{value:.3f}")
        if isinstance(value, Mapping) and is_estimate(value):
            return self.interval(value)
        text = str(value)
        if FIGURES.fullmatch(text):
            return self.number(text)
        named = self.say(MEASURES[text]) if text in MEASURES else self.tell(text)
        return " ".join(named.replace("|", "/").split())  # no cell may break the table
