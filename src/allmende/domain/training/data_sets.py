"""The catalogue of data sets: what lies at which site, and what a job that names some is told."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.blueprints import Blueprint, Text
from allmende.domain.training.fields import did_you_mean
from allmende.domain.training.job_specs import DataMount, JobSpec

SCHEME = "allmende:"
# In small letters and hyphens, so that two never have the same variable.
NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
WEAKEST_FIRST = tuple(DataClass)


class NotInCatalogue(Refusal):
    """{uri} cannot be brought to a job: only data sets of the catalogue are, as allmende:NAME.
    Leave it out, and let run fetch it itself."""

    status = 422


class NoSuchDataSet(Refusal):
    """There is no data set {name} here. {hint}"""

    status = 422


class OtherVersion(Refusal):
    """The data set {name} is here in version {there}, not {asked}. Name allmende:{name}@{there},
    or allmende:{name} for the version that is here."""

    status = 422


class DataAreReadOnly(Refusal):
    """The data set {name} is for everybody, so no job writes to it. Leave out mode: rw, and write
    to the folder that ALLMENDE_OUT names."""

    status = 422


class DataClassTooWeak(Refusal):
    """The data set {name} is of class {needed}, and the job says {said}. Write data_class:
    {needed} into the job file."""

    status = 422


class BlueprintNeedsData(Refusal):
    """The blueprint {blueprint} reads data that do not come with it. Name them in the job file
    under data, with uri: allmende:{name}, or bring files of your own along: workdir. {hint}"""

    status = 422


class DataNotAtSite(Refusal):
    """The data set {name} does not lie at {site}. It lies at: {sites}. Ask for time there, or let
    run fetch what it needs."""

    status = 422


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Data that lie at sites for jobs to read, as the configuration describes them."""

    id: str
    version: str
    title: Text
    licence: str
    origin: str
    data_class: DataClass
    personal_data: bool
    # By site the folder where it lies there; "" where only the site's own agent knows it.
    folders: Mapping[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """Return how a job file names it, with its version."""
        return f"{SCHEME}{self.id}@{self.version}"

    @property
    def variable(self) -> str:
        """Return the environment variable that tells a job where it lies."""
        return "ALLMENDE_DATA_" + self.id.upper().replace("-", "_")


Catalogue = Mapping[str, DataSet]  # by id


def find_data_sets(mounts: Iterable[DataMount], catalogue: Catalogue) -> tuple[DataSet, ...]:
    """Return the data sets that a job file names, in its order; refuse what is none of them."""
    return tuple(_find(mount, catalogue) for mount in mounts)


def _find(mount: DataMount, catalogue: Catalogue) -> DataSet:
    if not mount.uri.startswith(SCHEME):
        raise NotInCatalogue(uri=mount.uri)
    name, _, version = mount.uri.removeprefix(SCHEME).partition("@")
    found = catalogue.get(name)
    if found is None:
        hint = did_you_mean(name, sorted(catalogue))
        raise NoSuchDataSet(name=name, hint=hint)
    if version not in ("", found.version):
        raise OtherVersion(name=name, asked=version, there=found.version)
    if mount.mode == "rw":
        raise DataAreReadOnly(name=name)
    return found


def pin_data(spec: JobSpec, catalogue: Catalogue) -> JobSpec:
    """Return a job file that names each data set with its version; refuse what it may not name."""
    found = find_data_sets(spec.data, catalogue)
    for each in found:
        if WEAKEST_FIRST.index(each.data_class) > WEAKEST_FIRST.index(DataClass(spec.data_class)):
            raise DataClassTooWeak(name=each.id, needed=each.data_class.value, said=spec.data_class)
    pairs = zip(spec.data, found, strict=True)
    return replace(spec, data=tuple(replace(mount, uri=each.uri) for mount, each in pairs))


def check_needed(spec: JobSpec, blueprint: Blueprint, catalogue: Catalogue) -> None:
    """Refuse a job that names no data for a blueprint that brings none.

    Any data set will do, for people bring files of their own in the form that it reads.
    """
    if not blueprint.needed_data or spec.data or spec.workdir:
        return
    name = blueprint.needed_data[0]
    hint = Sentence("")
    if name not in catalogue:
        hint = Sentence(
            "The catalogue here does not have it yet: its operators describe it in data.toml. "
            "Another data set with such files will do as well."
        )
    raise BlueprintNeedsData(blueprint=blueprint.reference, name=name, hint=hint)


def list_missing(
    mounts: Iterable[DataMount], catalogue: Catalogue, *, site_id: str
) -> tuple[str, ...]:
    """Return the names of those that do not lie at a site, or are in the catalogue no more."""
    names = [mount.uri.removeprefix(SCHEME).partition("@")[0] for mount in mounts]
    return tuple(
        name for name in names if name not in catalogue or site_id not in catalogue[name].folders
    )


def data_environment(
    data_sets: Iterable[DataSet], folder_of: Callable[[DataSet], str]
) -> dict[str, str]:
    """Return the variables that tell a job where its data lie: the first one has two."""
    told: dict[str, str] = {}
    for each in data_sets:
        told.setdefault("ALLMENDE_DATA", folder_of(each))
        told[each.variable] = folder_of(each)
    return told
