"""Finds the blueprints that this installation ships, and what their code is."""

import hashlib
import tomllib
from pathlib import Path

from allmende.domain.basics.refusals import NotFound
from allmende.domain.training.blueprints import Blueprint, InvalidBlueprint, parse_blueprint
from allmende.wiring.home import blueprints_folder

MANIFEST = "blueprint.toml"


def load_blueprints() -> dict[str, Blueprint]:
    """Return every blueprint by its id; a mistake in one names the blueprint and the key."""
    blueprints = {}
    for manifest in sorted(blueprints_folder().glob(f"*/{MANIFEST}")):
        try:
            blueprint = parse_blueprint(tomllib.loads(manifest.read_text()))
        except tomllib.TOMLDecodeError as error:
            name = manifest.parent.name
            raise InvalidBlueprint(blueprint=name, findings=f"{MANIFEST}: {error}") from error
        assert blueprint.id == manifest.parent.name, "a blueprint lives in the folder of its id"
        blueprints[blueprint.id] = blueprint
    return blueprints


def load_trainings() -> dict[str, Blueprint]:
    """Return the blueprints that train something, whose compute can be told beforehand."""
    return {key: each for key, each in load_blueprints().items() if not each.interactive}


def blueprint_folder(blueprint_id: str) -> Path:
    """Return the folder with a blueprint's files."""
    folder = blueprints_folder() / blueprint_id
    if blueprint_id != folder.name or not (folder / MANIFEST).is_file():
        raise NotFound(kind="blueprint", id=blueprint_id)
    return folder


def blueprint_code_sha256(blueprint_id: str) -> str:
    """Return one hash over the blueprint's files, by name and content."""
    folder, digest = blueprint_folder(blueprint_id), hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file():
            digest.update(
                f"{path.name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode()
            )
    return digest.hexdigest()
