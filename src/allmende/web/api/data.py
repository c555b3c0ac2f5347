"""Data sets that lie at sites for jobs to read."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from allmende import wiring
from allmende.domain.basics.data_classes import DataClass
from allmende.domain.training.data_sets import DataSet
from allmende.domain.trust.permissions import Permission
from allmende.services import data_sets
from allmende.web.api.permits import get_actor, takes

router = Router(tags=["data"])


class TitleOut(Schema):
    """A title in both languages."""

    en: str
    de: str


class DataSetOut(Schema):
    """A data set of the catalogue: how a job file names it, and where it lies."""

    id: str
    version: str
    uri: str
    title: TitleOut
    licence: str
    origin: str
    data_class: DataClass
    personal_data: bool
    variable: str
    sites: list[str]


@router.get("", response=list[DataSetOut], **takes(Permission.SEE_JOB))
def list_data_sets(request: HttpRequest) -> list[dict[str, Any]]:
    """List the data sets that a job file may name, in the order of the configuration."""
    found = data_sets.list_data_sets(get_actor(request), catalogue=wiring.workshop().data_sets)
    return [_to_json(each) for each in found]


def _to_json(data_set: DataSet) -> dict[str, Any]:
    derived = {
        "uri": data_set.uri,
        "variable": data_set.variable,
        "title": vars(data_set.title),
        "sites": list(data_set.folders),
    }
    return vars(data_set) | derived
