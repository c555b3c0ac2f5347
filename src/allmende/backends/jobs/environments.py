"""Environments: what `setup` makes, built once for a project and used by all jobs that ask for it.

A node does it itself, before the job's command, with bash and flock alone: so the local backend and
a cluster do the same, nobody has to run beside it, and the kernel drops the locks of whoever dies.
"""

import os
import shlex
from pathlib import Path

FOLDER = "environments"
MOST_KEPT = 10  # for a project, or for each of its people where jobs run as their owners

# Runs where the job does, which may be inside a container; the command comes as its arguments.
ACTIVATE = r"""
[ ! -e "$ALLMENDE_ENVIRONMENT/pyvenv.cfg" ] || export VIRTUAL_ENV="$ALLMENDE_ENVIRONMENT"
export PATH="$ALLMENDE_ENVIRONMENT/bin:$PATH"
exec "$@"
"""
MAKE = (
    r"""
if command -v python3 > /dev/null && ! python3 -m venv "$ALLMENDE_ENVIRONMENT"; then
    echo 'allmende: python3 -m venv does not work here: setup has no virtual environment.'
    rm -f -- "$ALLMENDE_ENVIRONMENT/pyvenv.cfg"
fi
"""
    + ACTIVATE
)

# A lock held alone: it is being built, or removed. Held with others: it is complete and in use. The
# lock (99) is open in every process of the job, so it holds as long as the last of them lives.
# Variables of a job may have any name, and reach it as they are: others are not set here.
SCRIPT = r"""
take() {{
    flock --nonblock "$1" 99 && return
    say "Environment ${{ALLMENDE_ENVIRONMENT##*/}} is locked by \
$(cat "$ALLMENDE_ENVIRONMENT.lock"), which builds it. Waiting."
    flock "$1" 99 || {{ say 'The file system of the environments has no locks.'; exit 71; }}
}}

discard() {{
    [ ! -e "$1" ] || {{ chmod -R u+w -- "$1" && rm -rf -- "$1"; }}
}}

build() {{
    echo "job $ALLMENDE_JOB_ID" > "$ALLMENDE_ENVIRONMENT.lock"
    discard "$ALLMENDE_ENVIRONMENT" && mkdir -m 700 -- "$ALLMENDE_ENVIRONMENT" || exit 71
    say "Environment ${{ALLMENDE_ENVIRONMENT##*/}} is built: setup runs this once."
    (become /bin/sh -c {make} sh /bin/bash -e -o pipefail -c {setup})
    set -- $?
    if [ "$1" != 0 ]; then
        discard "$ALLMENDE_ENVIRONMENT"
        say "setup ended with exit code $1. Nothing of it is kept, and run does not start."
        exit "$1"
    fi
    sync -f "$ALLMENDE_ENVIRONMENT"  # whole on the disk before it is called so
    touch "$ALLMENDE_ENVIRONMENT/DONE" || exit 71
    # What run added to it by mistake, other jobs would get.
    find "$ALLMENDE_ENVIRONMENT" -type d -exec chmod a-w {{}} +
    trim "${{ALLMENDE_ENVIRONMENT%/*}}"
}}

# The least recently used go, but none that somebody has locked.
trim() (
    cd -- "$1" || exit
    ls -dt -- */ | tail -n +{first_too_many} | while read -r old; do
        {{ flock --nonblock 9 && discard "${{old%/}}"; }} 9<> "${{old%/}}.lock"
    done
)

# Libraries are compiled for one version of Python and one kind of processor.
export ALLMENDE_ENVIRONMENT={environment}-"$(uname -m)-$(say_python)"
exec 99<> "$ALLMENDE_ENVIRONMENT.lock" || exit 71
until take --shared && [ -e "$ALLMENDE_ENVIRONMENT/DONE" ]; do
    flock --unlock 99  # given up first: two that each wait to be alone would wait for ever
    take --exclusive
    [ -e "$ALLMENDE_ENVIRONMENT/DONE" ] || build
    flock --unlock 99
done
touch -- "$ALLMENDE_ENVIRONMENT"
say "Environment ${{ALLMENDE_ENVIRONMENT##*/}} is ready."
set -- /bin/sh -c {activate} sh "$@"
"""


def is_built(folder: Path, environment_id: str) -> bool | None:
    """Say whether an environment is whole in a folder, for any Python and any kind of processor.

    None where the folder belongs to somebody who lets nobody look into it.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - of what may be no folder, without opening more
        made = [name for name in names if name.startswith(f"{environment_id}-")]
        return any((folder / name / "DONE").exists() for name in made)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        return None


def render_environment(setup: str, *, environment_id: str, folder: Path) -> str:
    """Return the lines of bash that find an environment or build it, and put the command into it.

    `folder` holds the environments, and is there.
    """
    return SCRIPT.format(
        environment=shlex.quote(str(folder / environment_id)),
        setup=shlex.quote(setup),
        make=shlex.quote(MAKE),
        activate=shlex.quote(ACTIVATE),
        first_too_many=MOST_KEPT + 1,
    )
