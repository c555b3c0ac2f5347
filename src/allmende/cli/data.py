"""Data sets that lie at sites for jobs to read."""

import typer

from allmende import wiring
from allmende.cli.acting import acting_person
from allmende.cli.output import AsJson, show
from allmende.domain.basics.sentences import Sentence
from allmende.domain.training.data_sets import DataSet
from allmende.services import data_sets

app = typer.Typer(help="What lies at sites for jobs to read.")

COLUMNS = ("uri", "title", "licence", "data_class", "personal_data", "sites")


@app.command("list")
def list_data_sets(json: AsJson = False) -> None:
    """List the data sets that a job file may name, and the sites where they lie."""
    found = data_sets.list_data_sets(acting_person(), catalogue=wiring.workshop().data_sets)
    show(
        [_facts(each) for each in found],
        json=json,
        columns=COLUMNS,
        empty=Sentence("No data set yet: operators describe them in data.toml."),
    )


def _facts(data_set: DataSet) -> dict[str, object]:
    facts = {name: value for name, value in vars(data_set).items() if name != "folders"}
    return facts | {
        "uri": data_set.uri,
        "title": data_set.title.en,
        "variable": data_set.variable,
        "sites": list(data_set.folders),
    }
