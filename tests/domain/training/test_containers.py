"""An image is a path or a name, and data are shown in a folder of their own."""

import pytest

from allmende.domain.training.job_files import InvalidJobFile, parse_job_file

ROADS = {"uri": "allmende:roads"}


def findings_of(**changes: object) -> list[str]:
    try:
        parse_job_file({"name": "a", "run": "true"} | changes)
    except InvalidJobFile as refusal:
        return [each.sentence.english() for each in refusal.findings]
    return []


@pytest.mark.parametrize(
    "image",
    ["./a.sif", "/images/plain", "python:3.12", "docker://r.example.org:5000/a/b@sha256:12"],
)
def test_a_path_a_name_and_an_address_are_images(image):
    spec = parse_job_file({"name": "a", "run": "true", "image": image})
    assert spec.image == image
    assert parse_job_file(spec.to_json()) == spec


@pytest.mark.parametrize("image", ["--privileged", "a b", "a;b", "$(date)", "a\nb", "a" * 301])
def test_what_a_command_could_take_for_something_else_is_no_image(image):
    (found,) = findings_of(image=image)
    assert found.startswith("image is a path such as ./image.sif, or a name")


@pytest.mark.parametrize(
    "mount", ["data", "/", "/a/", "/a/../b", "/a:b", "/a,ro", "/proc/1", "/dev"]
)
def test_data_are_shown_in_a_folder_of_their_own(mount):
    (found,) = findings_of(data=[ROADS | {"mount": mount}])
    assert found == "data[0].mount is a folder of its own in the container, such as /data."
    assert findings_of(data=[ROADS | {"mount": "/data/my-roads.1"}]) == []


def test_two_data_sets_cannot_be_in_one_place():
    twice = [ROADS | {"mount": "/data"}, {"uri": "allmende:hearts", "mount": "/data"}]
    assert findings_of(data=twice) == [
        "data: two data sets have the same mount. Give each its own."
    ]


def test_a_blueprint_runs_in_its_own_environment():
    with pytest.raises(InvalidJobFile, match="image: a blueprint brings its own environment"):
        parse_job_file({"name": "a", "blueprint": "medicine", "image": "python"})
