"""The form of a job: a blueprint with its parameters, or a job file as text."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import yaml
from django import forms
from django.utils.text import format_lazy
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.blueprints import Blueprint, Param
from allmende.domain.training.code_archives import MEGABYTE, MOST_PACKED_BYTES, CodeArchive
from allmende.domain.training.data_sets import SCHEME, Catalogue
from allmende.domain.training.fields import Finding
from allmende.web.wording import write_number
from allmende.wiring.job_texts import place_findings, read_job_text
from allmende.wiring.languages import translate

DATA_CLASSES = (
    ("public", _("Public: anybody may have it")),
    ("internal", _("Internal: ours, without people in it")),
    ("personal", _("Personal: about living people")),
    ("health", _("Health: about the health of people")),
)

# Units of parameters in words, and those that say nothing to whoever fills in the form.
UNITS = {
    "channels": _("channels"),
    "episodes": _("episodes"),
    "flights": _("flights"),
    "folds": _("folds"),
    "heads": _("heads"),
    "iterations": _("iterations"),
    "kB": "kB",
    "layers": _("layers"),
    "learners": _("learners"),
    "minutes": _("minutes"),
    "pairs": _("pairs"),
    "passes": _("passes"),
    "processes": _("processes"),
    "records": _("records"),
    "samples": _("samples"),
    "steps": _("steps"),
    "tokens": _("tokens"),
    "tracks": _("tracks"),
    "units": _("units"),
    "windows": _("windows"),
}
SILENT_UNITS = (
    "delta", "epsilon", "length", "number", "per step", "per step size", "per weight", "seed",
)  # fmt: skip
START_FIELDS = ("after", "after_ok", "max_parallel", "flexible_until")


class BlueprintForm(forms.Form):
    """The parameters of one blueprint; several values of one make a sweep."""

    name = forms.CharField(
        label=_("Name of the job"), max_length=80, help_text=_("For you to recognise it by.")
    )
    minutes = forms.IntegerField(
        label=_("Time limit in minutes"),
        min_value=1,
        help_text=_("The job is stopped after it. What it does not use is given back."),
    )
    data_class = forms.ChoiceField(choices=DATA_CLASSES, label=_("How sensitive is the data?"))
    data = forms.MultipleChoiceField(
        label=_("Data sets that it reads"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("The job runs where they lie."),
    )
    licence = forms.CharField(
        label=_("Licence of the model"),
        required=False,
        help_text=_("Such as Apache-2.0. Empty: all rights stay with you, nothing is granted."),
    )

    after = forms.CharField(
        label=_("Start after these jobs have ended"),
        required=False,
        help_text=_("Ids of jobs of this project, or your own keys, with commas between them."),
    )
    after_ok = forms.CharField(
        label=_("Start only if these jobs have completed"),
        required=False,
        help_text=_("As above. If one of them does not complete, this job is cancelled."),
    )
    max_parallel = forms.IntegerField(
        label=_("Jobs of a sweep at once, at most"), min_value=1, required=False
    )
    flexible_until = forms.CharField(
        label=_("May wait for better hours until"),
        required=False,
        help_text=_("For how long, such as 12h, or until when, such as 2026-12-01T08:00."),
    )

    def __init__(
        self, *args: Any, blueprint: Blueprint, catalogue: Catalogue, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.blueprint = blueprint
        if blueprint.interactive:  # it leaves no model, and who waits for it waits at the screen
            for name in ("licence", *START_FIELDS):
                del self.fields[name]
            self.fields["minutes"].help_text = _(
                "The session ends then, whatever runs in it. What it does not use is given back."
            )
        language = get_language() or "en"
        self.fields["data"].choices = [  # type: ignore[attr-defined]
            (each.id, f"{getattr(each.title, language, each.title.en)} ({each.licence})")
            for each in catalogue.values()
        ]
        if not catalogue:
            del self.fields["data"]
        for param in blueprint.params.values():
            field = forms.CharField(
                label=getattr(param.description, language, param.description.en),
                help_text=_describe(param),
                initial=_short(param.default),
                required=False,
            )
            field.is_silent = True  # all of them are optional: no need to say so at each
            self.fields[f"param_{param.name}"] = field

    def param_fields(self) -> Iterable[forms.BoundField]:
        """Return the fields of the parameters."""
        return [self[name] for name in self.fields if name.startswith("param_")]

    def own_fields(self) -> Iterable[forms.BoundField]:
        """Return the fields that every job has."""
        taken = (*START_FIELDS, "param_")
        return [self[name] for name in self.fields if not name.startswith(taken)]

    def start_fields(self) -> Iterable[forms.BoundField]:
        """Return the fields that say when it may start."""
        return [self[name] for name in START_FIELDS if name in self.fields]

    def has_start(self) -> bool:
        """Say whether one of these fields is filled in, or wrong."""
        return any(
            self[name].value() or self[name].errors for name in START_FIELDS if name in self.fields
        )

    def to_job_file(self) -> dict[str, Any]:
        """Return the job file that the form stands for."""
        data = self.cleaned_data
        params: dict[str, Any] = {}
        sweep: dict[str, list[Any]] = {}
        for name in self.blueprint.params:
            values = [_number(part) for part in data[f"param_{name}"].split(";") if part.strip()]
            if len(values) > 1:
                sweep[name] = values
            elif values:
                params[name] = values[0]
        job_file = {
            "name": data["name"],
            "blueprint": self.blueprint.reference,
            "params": params,
            "sweep": sweep,
            "max_duration": f"{data['minutes']}m",
            "data_class": data["data_class"],
        }
        if self.blueprint.memory_bytes:
            job_file["resources"] = {"memory": f"{self.blueprint.memory_bytes // 2**20}M"}
        if data.get("data"):
            job_file["data"] = [{"uri": f"{SCHEME}{name}"} for name in data["data"]]
        if self.blueprint.interactive:
            return job_file | {"preemptible": False}
        if data["licence"]:
            job_file["record"] = {"licence": data["licence"]}
        return job_file | self._conditions()

    def _conditions(self) -> dict[str, Any]:
        data = self.cleaned_data
        names = {
            key: [part.strip() for part in data[key].split(",") if part.strip()]
            for key in ("after", "after_ok")
        }
        until = data["flexible_until"].strip()
        said = {
            **names,
            "max_parallel": data["max_parallel"],
            "when": until and {"flexible_until": until},
        }
        return {key: value for key, value in said.items() if value}

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Show each finding at the field that it is about."""
        for finding in findings:
            name = finding.key.rsplit(".", maxsplit=1)[-1].partition("[")[0]
            name = {"max_duration": "minutes"}.get(name, name)
            field = next((f for f in (f"param_{name}", name) if f in self.fields), None)
            self.add_error(field, translate(finding.sentence))


class JobFileForm(forms.Form):
    """A job file, as the command line takes it."""

    text = forms.CharField(
        label=_("Job file"),
        widget=forms.Textarea(attrs={"class": "code", "spellcheck": "false", "rows": 18}),
        help_text=_("YAML or JSON, the same as for the command allmende job submit."),
    )
    folder = forms.FileField(
        label=_("Folder with your code"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".zip,.tar,.tgz,.gz"}),
        help_text=format_lazy(
            _(
                "Packed as .zip, .tar.gz or .tar, up to {most} MB. It takes the place of workdir: "
                "setup and run start in it. What .gitignore names does not come along."
            ),
            most=MOST_PACKED_BYTES // MEGABYTE,
        ),
    )
    # The folder that came with this form before, so that nobody has to send it again.
    workdir = forms.CharField(required=False, widget=forms.HiddenInput)
    archive: CodeArchive | None = None

    def clean_text(self) -> Mapping[str, Any]:
        """Return the keys and values of the file."""
        try:
            value = read_job_text(self.cleaned_data["text"])
        except Refusal as refusal:
            raise forms.ValidationError(translate(refusal.sentence)) from refusal
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            message = _("Line %(line)s cannot be read. Check the colons and the indents there.")
            raise forms.ValidationError(message, params={"line": line}) from error
        if not isinstance(value, Mapping):
            raise forms.ValidationError(_("Write keys and values, such as name: my-job."))
        return value

    def set_folder(self, archive: CodeArchive) -> None:
        """Let the job file name the folder that came with the form, here and when shown again."""
        self.archive = archive
        self.data = self.data.copy()
        self.data["workdir"] = archive.workdir
        self.cleaned_data["workdir"] = archive.workdir

    def to_job_file(self) -> dict[str, Any]:
        """Return the job file, with the folder that came along if there is one."""
        workdir = self.cleaned_data["workdir"]
        text: Mapping[str, Any] = self.cleaned_data["text"]
        return {**text, "workdir": workdir} if workdir else dict(text)

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """List every finding at the text, each with its line."""
        text = str(self["text"].value())
        for line, finding in place_findings(text, findings):
            sentence = finding.sentence
            if line:
                sentence = Sentence("Line {line}: {what}", {"line": line, "what": sentence})
            self.add_error("text", translate(sentence))


def _describe(param: Param) -> str:
    unit = "" if param.unit in SILENT_UNITS else UNITS.get(param.unit, param.unit)
    facts = {"low": write_number(param.min), "high": write_number(param.max), "unit": unit}
    return str(_("%(low)s to %(high)s %(unit)s") % facts).strip()


def _short(value: float) -> str:
    return f"{Decimal(str(value)).normalize():f}"


def _number(text: str) -> int | float | str:
    text = text.strip().replace(",", ".")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
