"""Reads config/data.toml: the data sets that lie at sites for jobs to read."""

from functools import cache
from pathlib import Path

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.sites import Factory, Site
from allmende.domain.training.data_sets import NAME, DataSet
from allmende.domain.trust.residency import may_be_in
from allmende.wiring import home
from allmende.wiring.configuration import ConfigurationFile, Location
from allmende.wiring.factory import load_factory

OF_PEOPLE = (DataClass.PERSONAL, DataClass.HEALTH)


@cache
def load_data_sets(folder: Path | None = None) -> dict[str, DataSet]:
    """Return the catalogue by id; `ConfigurationMistake` if the file is invalid.

    A configuration without the file has no data sets.
    """
    folder = folder or home.config_folder()
    path = folder / "data.toml"
    if not path.exists():
        return {}
    file = ConfigurationFile(path)
    factory, found = load_factory(folder / "factory.toml"), {}
    for key in file.content:
        if key != "data":
            raise file.mistake((key,), "is unknown here; this file holds [[data]].")
    rows = file.content.get("data", [])
    if not isinstance(rows, list):
        raise file.mistake(("data",), "write it as [[data]].")
    for number, row in enumerate(rows):
        at: Location = ("data", number)
        data_set = file.build(row, DataSet, at)
        _check(file, data_set, factory, at)
        if data_set.id in found:
            raise file.mistake((*at, "id"), f"there is already a data set {data_set.id}.")
        found[data_set.id] = data_set
    return found


def _check(file: ConfigurationFile, data_set: DataSet, factory: Factory, at: Location) -> None:
    if not NAME.fullmatch(data_set.id):
        problem = f'"{data_set.id}" is no name of small letters, digits and hyphens.'
        raise file.mistake((*at, "id"), problem)
    if not NAME.fullmatch(f"v{data_set.version}".replace(".", "-").lower()):
        problem = f'"{data_set.version}" is no version such as 1 or 2026-11.'
        raise file.mistake((*at, "version"), problem)
    if data_set.personal_data and data_set.data_class not in OF_PEOPLE:
        raise file.mistake((*at, "data_class"), "personal data are personal or health.")
    sites = {site.id: site for site in factory.sites}
    for site_id, folder in data_set.folders.items():
        place = (*at, "folders", site_id)
        if site_id not in sites:
            raise file.mistake(place, f"no site {site_id} in factory.toml.")
        _check_folder(file, sites[site_id], folder, place)
        country = sites[site_id].country
        if not may_be_in(data_set.data_class, country, factory_countries=factory.countries):
            problem = f"data of class {data_set.data_class} may not be in {country}."
            raise file.mistake(place, problem)


def _check_folder(file: ConfigurationFile, site: Site, folder: str, at: Location) -> None:
    if site.agent and not folder:
        return  # its own configuration says it
    if not folder.startswith("/"):
        raise file.mistake(at, "write the whole path of the folder, from / on.")
    if site.slurm is not None and not site.agent and not site.slurm.sees(folder):
        problem = f"the nodes of {site.id} do not see it: add its file system to shared_folders."
        raise file.mistake(at, problem)
