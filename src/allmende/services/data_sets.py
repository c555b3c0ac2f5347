"""Data sets that lie at sites: who may see the catalogue, and whether a job may read them."""

from allmende.domain.basics.people import Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Partition
from allmende.domain.training.data_sets import (
    Catalogue,
    DataNotAtSite,
    DataSet,
    find_data_sets,
    list_missing,
)
from allmende.domain.training.job_specs import JobSpec
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.services.workshop import Workshop


def list_data_sets(reader: Person, *, catalogue: Catalogue) -> list[DataSet]:
    """Return the catalogue in its order. Whoever may read about jobs may see it."""
    check_permission(reader, Permission.SEE_JOB)
    return list(catalogue.values())


def check_data(spec: JobSpec, partition: Partition, workshop: Workshop) -> None:
    """Refuse a partition at whose site a data set of a job file does not lie."""
    catalogue, factory = workshop.data_sets, workshop.factory
    for name in list_missing(spec.data, catalogue, site_id=partition.site_id):
        known = [site.name for site in factory.sites if site.id in catalogue[name].folders]
        site = factory.get_site(partition.site_id)
        raise DataNotAtSite(
            name=name, site=site.name, sites=", ".join(known) or Sentence("nowhere")
        )


def say_where(spec: JobSpec, workshop: Workshop) -> list[Sentence]:
    """Return for each mount that comes to nothing, without an image, where the data are found."""
    found = find_data_sets(spec.data, workshop.data_sets)
    return [
        Sentence(
            "The job names no image to run in, so the data set {name} is not at {mount}; "
            "the variable {variable} says where it lies.",
            {"name": each.id, "mount": mount.mount, "variable": each.variable},
        )
        for mount, each in zip(spec.data, found, strict=True)
        if mount.mount and not spec.image
    ]
