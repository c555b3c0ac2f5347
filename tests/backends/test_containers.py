"""Which command runs a container: told by stand-ins of the tools that print what they are given.

Where a tool works, the local backend also keeps the contract of containers with it.
"""

import subprocess
from pathlib import Path

import pytest

from allmende.backends.jobs.wrapping import wrap_command
from allmende.domain.scheduling.backends import Container
from tests.backends.container_contract import TOOL, ContainerContract, make_image
from tests.backends.contract import a_launch

STAND_IN = '#!/bin/bash\nprintf "%s\\n" "${0##*/}" "$@"\n[ ! -e /dev/fd/3 ] || cat <&3\n'


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with what a node has, and no tool for containers."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for tool in ("bash", "cat", "cut", "getent", "id", "sh"):
        (folder / tool).symlink_to(f"/usr/bin/{tool}")
    return folder


def install(tools: Path, *names: str) -> None:
    for name in names:
        (tools / name).write_text(STAND_IN)
        (tools / name).chmod(0o755)


def start(tools: Path, image: str, **changes: object) -> tuple[int, list[str]]:
    """Return the exit code, and the words that the tool was called with."""
    launch = a_launch(
        "train",
        container=Container(image=image, **changes),
        secrets={"TOKEN": "it's hush", "KEY": "k"},
    )
    told = {"PATH": str(tools), "HOME": "/w/home", "TMPDIR": "/w/tmp", "SEED": "7"}
    told |= {"TOKEN": "it's hush", "KEY": "k", "ALLMENDE_GPUS_PER_NODE": "0"}
    ended = subprocess.run(
        wrap_command(launch, tools), env=told, capture_output=True, text=True, check=False, cwd="/"
    )
    return ended.returncode, ended.stdout.splitlines()


def test_apptainer_shows_the_folders_and_the_data_to_be_read(tools):
    install(tools, "apptainer", "podman")
    code, words = start(tools, "./image.sif", mounts={"/data": "/srv/a b"})
    assert code == 0
    assert words == [
        "apptainer",
        *("--quiet", "exec", "--contain", "--home", "/w/home", "--pwd", "/"),
        *("--mount", "type=bind,source=/srv/a b,destination=/data,ro"),
        *("--mount", "type=bind,source=/w/tmp,destination=/w/tmp"),
        *("./image.sif", "/bin/sh", "-c", "train"),
    ]


def test_podman_is_told_variables_by_name_and_secrets_through_a_pipe(tools):
    install(tools, "podman")
    code, words = start(tools, "python:3.12", mounts={"/data": "/srv/data"})
    assert code == 0
    assert words[:2] == ["podman", "run"]
    assert "type=bind,source=/srv/data,destination=/data,ro" in words
    given = [words[at + 1] for at, word in enumerate(words) if word == "--env"]
    assert given == ["ALLMENDE_GPUS_PER_NODE", "SEED", "TMPDIR", "HOME=/w/home"]
    assert words[-2:] == [r"export TOKEN='it'\''s hush'", "export KEY='k'"]
    assert words[-5:-2] == ["/bin/sh", "-c", "train"]
    assert words[words.index("-c") - 1] == "python:3.12"


@pytest.mark.parametrize(
    ("tool", "image", "named"),
    [
        ("apptainer", "python:3.12", "docker://python:3.12"),
        ("apptainer", "oras://r.example.org/a", "oras://r.example.org/a"),
        ("apptainer", "/images/a", "/images/a"),
        ("podman", "docker://r.example.org/a", "r.example.org/a"),
        ("podman", "oci-archive:a.tar", "oci-archive:a.tar"),
        ("podman", "./folder", "./folder:O"),
    ],
)
def test_each_tool_is_told_the_image_in_its_words(tools, tool, image, named):
    install(tools, tool)
    assert named in start(tools, image)[1]


def test_the_site_says_which_tool_and_whether_there_is_a_network(tools):
    install(tools, "apptainer", "podman")
    assert "--network=none" in start(tools, "a", tool="podman", network="none")[1]
    words = start(tools, "a", tool="apptainer", network="none")[1]
    assert words[words.index("--net") + 1 :][:2] == ["--network", "none"]


def test_a_node_without_a_tool_says_so_and_runs_nothing(tools):
    code, said = start(tools, "a")
    assert (code, len(said)) == (69, 1)
    assert "this node has none" in said[0]


if TOOL:

    @pytest.fixture(scope="module")
    def image(tmp_path_factory) -> Path:
        return make_image(tmp_path_factory.mktemp("images") / "plain")

    class TestContainersOfTheLocalBackend(ContainerContract):
        """The local backend keeps the contract of containers."""
