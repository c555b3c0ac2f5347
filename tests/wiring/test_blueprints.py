"""Blueprints are found in their folder, and a broken one is named."""

import ast
import shutil

import pytest

from allmende.domain.basics.refusals import NotFound
from allmende.domain.training.blueprints import InvalidBlueprint
from allmende.domain.training.phrases import find_phrases
from allmende.wiring import blueprints, home


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder of blueprints with a copy of the shipped medicine blueprint."""
    shutil.copytree(home.PROJECT / "blueprints/medicine", tmp_path / "medicine")
    monkeypatch.setenv("ALLMENDE_BLUEPRINTS", str(tmp_path))
    return tmp_path


def test_the_shipped_blueprints_are_valid():
    assert "medicine" in blueprints.load_blueprints()


def test_the_readme_of_medicine_tells_every_parameter_as_it_is():
    readme = (home.PROJECT / "blueprints/medicine/README.md").read_text()
    for param in blueprints.load_blueprints()["medicine"].params.values():
        low = f"{param.min:f}".rstrip("0").rstrip(".") if param.min else "0"
        assert f"| `{param.name}` | {param.default} | {low} to {param.max} |" in readme


@pytest.mark.parametrize("name", blueprints.load_trainings())
def test_what_cards_show_of_a_blueprint_is_there_in_german(name):
    blueprint = blueprints.load_trainings()[name]
    shown = {blueprint.architecture}
    shown |= {text for each in blueprint.data for text in (each.curation, each.bias)}
    written = {text for text in texts_of_code(blueprints.blueprint_folder(name)) if " " in text}
    german = {"de": {"phrases": blueprint.german}}
    tell = find_phrases({"model": {"in_other_languages": german}}, "de")
    assert {text for text in shown | written if tell(text) == text} == set()


def texts_of_code(folder):
    """Yield what the code of a recipe writes for people: of tables, baselines and formulas."""
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict):
                names = [getattr(key, "value", None) for key in node.keys]
                pairs = dict(zip(names, node.values, strict=True))
                named = ("title", "note") if "rows" in pairs else ("flop_method", "by")
                yield from (
                    pairs[each].value for each in named if isinstance(pairs.get(each), ast.Constant)
                )


def test_a_mistake_in_a_blueprint_names_it(folder):
    manifest = folder / "medicine/blueprint.toml"
    manifest.write_text(manifest.read_text().replace("30 * hidden", "30 * hiden", 1))
    with pytest.raises(InvalidBlueprint, match=r"medicine has mistakes\. flop: there is no"):
        blueprints.load_blueprints()


def test_a_blueprint_that_is_no_toml_is_named(folder):
    (folder / "medicine/blueprint.toml").write_text("id =")
    with pytest.raises(InvalidBlueprint, match=r"medicine has mistakes\. blueprint.toml: Invalid"):
        blueprints.load_blueprints()


def test_the_code_hash_changes_with_the_code(folder):
    before = blueprints.blueprint_code_sha256("medicine")
    assert blueprints.blueprint_code_sha256("medicine") == before
    with (folder / "medicine/train.py").open("a") as file:
        file.write("\n")
    assert blueprints.blueprint_code_sha256("medicine") != before


@pytest.mark.parametrize("name", ["", "law", "../medicine", "."])
def test_a_blueprint_that_is_not_there_is_not_found(folder, name):
    with pytest.raises(NotFound):
        blueprints.blueprint_folder(name)
