"""What goes before a job's command on each node: its environment, and the container it runs in."""

from pathlib import Path

from allmende.backends.jobs.containers import render_container
from allmende.backends.jobs.environments import render_environment
from allmende.domain.scheduling.backends import Launch

BEGIN = r"""
say() { printf 'allmende: %s\n' "$1"; }
"""
ON_THE_NODE = r"""
become() { exec "$@"; }
say_python() {
    python3 -c 'import platform; print("python" + platform.python_version())' 2> /dev/null \
        || echo plain
}
"""
END = 'become "$@"\n'


def wrap_command(launch: Launch, folder: Path) -> tuple[str, ...]:
    """Return the command with what goes before it; as it is, where a job asks for nothing.

    `folder` holds the environments that the job may use.
    """
    if not (launch.setup or launch.container):
        return launch.command
    parts = [BEGIN, ON_THE_NODE]
    if launch.container:
        asked = launch.container
        parts[1] = render_container(
            asked.image,
            tool=asked.tool,
            network=asked.network,
            mounts=asked.mounts,
            secrets=launch.secrets,
        )
    if launch.setup:
        given = {"environment_id": launch.environment_id, "folder": folder}
        parts.append(render_environment(launch.setup, **given))
    return ("/bin/bash", "-c", "".join([*parts, END]), "allmende", *launch.command)
