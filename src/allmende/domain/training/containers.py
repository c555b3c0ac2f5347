"""What a job file says of a container: its image, and where it shows the data sets."""

import re

from allmende.domain.training.fields import Fields
from allmende.domain.training.job_specs import JobSpec

# A path, a name in a registry, or an address; never an option of a command.
IMAGE = re.compile(r"[A-Za-z0-9./][A-Za-z0-9._/:@+-]{0,299}")
# No blank, comma or colon: they part the words of a mount.
MOUNT = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
TAKEN = frozenset({"dev", "proc", "sys"})


def read_image(top: Fields) -> str:
    """Return the image that the job runs in; empty where it names none."""
    image = top.text("image")
    if image and not IMAGE.fullmatch(image):
        top.find(
            "image",
            "{key} is a path such as ./image.sif, or a name such as docker.io/library/python:3.12.",
        )
    return image


def read_mount(item: Fields) -> str:
    """Return the place in the container where data are shown; empty where none is named."""
    mount = item.text("mount")
    if mount and (not MOUNT.fullmatch(mount) or mount.split("/")[1] in TAKEN):
        item.find("mount", "{key} is a folder of its own in the container, such as /data.")
    return mount


def check_container(top: Fields, spec: JobSpec) -> None:
    """Find what does not go together: an image beside a blueprint, two data sets in one place."""
    if spec.blueprint and spec.image:
        top.find("image", "{key}: a blueprint brings its own environment. Leave it out.")
    mounts = [each.mount for each in spec.data if each.mount]
    if len(set(mounts)) < len(mounts):
        top.find("data", "{key}: two data sets have the same mount. Give each its own.")
