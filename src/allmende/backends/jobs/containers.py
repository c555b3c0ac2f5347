"""Containers: the lines of bash with which a node runs a command inside one, by what it has."""

import shlex
from collections.abc import Iterable, Mapping

TOOLS = ("apptainer", "podman")  # in this order, where a site names none

# The first process of podman's container. It has a number space of its own, where this one is the
# first: without a trap the kernel would keep signals from it, and to -1 means everybody but itself.
# Secrets come through a pipe: what podman is told with --env, it writes into a file.
FIRST_PROCESS = r"""
. /dev/fd/3
exec 3<&-
trap 'kill -TERM -1' TERM
"$@" &
while wait $!; code=$?; kill -0 $! 2> /dev/null; do :; done
exit $code
"""

SCRIPT = r"""
for allmende_tool in {tools} ''; do
    [ -z "$allmende_tool" ] || ! command -v "$allmende_tool" > /dev/null || break
done
# Where images are kept for all jobs of this account, not for this job alone.
allmende_account_home=$(getent passwd "$(id -u)" | cut -d: -f6)
allmende_mounts=({mounts})

# An environment is made for what is in the image, whatever the node has.
say_python() {{ echo image; }}

become() {{
    allmende_mounts+=(--mount "type=bind,source=$TMPDIR,destination=$TMPDIR")
    [ -z "$ALLMENDE_ENVIRONMENT" ] || allmende_mounts+=(
        --mount "type=bind,source=$ALLMENDE_ENVIRONMENT,destination=$ALLMENDE_ENVIRONMENT"
    )
    case $allmende_tool in
        apptainer) become_apptainer "$@" ;;
        podman) become_podman "$@" ;;
    esac
    say 'image needs one of {tools}, and this node has none. Choose another partition.'
    exit 69
}}

become_apptainer() {{
    allmende_devices=()
    if [ "$ALLMENDE_GPUS_PER_NODE" != 0 ]; then
        [ ! -e /dev/nvidiactl ] || allmende_devices+=(--nv)
        [ ! -e /dev/kfd ] || allmende_devices+=(--rocm)
    fi
    export APPTAINER_CACHEDIR=${{APPTAINER_CACHEDIR:-$allmende_account_home/.apptainer/cache}}
    exec apptainer --quiet exec --contain --home "$HOME" --pwd "$PWD" {apptainer_network} \
        "${{allmende_devices[@]}}" "${{allmende_mounts[@]}}" {apptainer_image} "$@"
}}

become_podman() {{
    allmende_devices=()
    if [ "$ALLMENDE_GPUS_PER_NODE" != 0 ]; then
        [ ! -e /dev/nvidiactl ] || allmende_devices+=(--device nvidia.com/gpu=all)
        [ ! -e /dev/kfd ] || allmende_devices+=(--device /dev/kfd --device /dev/dri)
    fi
    # By name: podman takes the values from its own environment, and no list of processes has them.
    allmende_given=()
    for allmende_name in $(compgen -e); do
        case " HOME PATH PWD OLDPWD SHLVL _ {secrets} " in
            *" $allmende_name "*) ;;
            *) allmende_given+=(--env "$allmende_name") ;;
        esac
    done
    exec 3< <(tell_secrets)
    allmende_mounts+=(--mount "type=bind,source=$HOME,destination=$HOME")
    # Inside, root is whoever runs podman: files belong to the owner of the job.
    allmende_given+=(--env "HOME=$HOME" --workdir "$PWD" --user 0:0 --entrypoint /bin/sh)
    HOME=$allmende_account_home exec podman run --rm --log-driver=passthrough --cgroups=disabled \
        --ipc=host --network={network} --preserve-fds=1 \
        --security-opt=label=disable --security-opt=no-new-privileges "${{allmende_given[@]}}" \
        "${{allmende_devices[@]}}" "${{allmende_mounts[@]}}" {podman_image} \
        -c {first_process} sh "$@"
}}

tell_secrets() {{
    allmende_quote="'\\''"
    for allmende_name in {secrets}; do
        printf "export %s='%s'\n" "$allmende_name" "${{!allmende_name//\'/$allmende_quote}}"
    done
}}
"""


def render_container(
    image: str,
    *,
    tool: str = "",
    network: str = "host",
    mounts: Mapping[str, str],
    secrets: Iterable[str] = (),
) -> str:
    """Return the lines of bash after which `become` turns into a command inside the image.

    `mounts`: by its place in the container each folder that is shown there to be read. `tool`: the
    only one to use; "" for the first that the node has. `secrets`: the names of the variables.
    """
    shown = [
        f"type=bind,source={folder},destination={place},ro" for place, folder in mounts.items()
    ]
    return SCRIPT.format(
        tools=tool or " ".join(TOOLS),
        mounts=" ".join(f"--mount {shlex.quote(each)}" for each in shown),
        network=network,
        apptainer_network="" if network == "host" else f"--net --network {network}",
        apptainer_image=shlex.quote(_name_for_apptainer(image)),
        podman_image=" ".join(map(shlex.quote, _name_for_podman(image))),
        first_process=shlex.quote(FIRST_PROCESS),
        secrets=" ".join(secrets),
    )


def _is_path(image: str) -> bool:
    return image.startswith(("/", "./", "../")) or image.endswith(".sif")


def _name_for_apptainer(image: str) -> str:
    """Return a path or an address as it is; whatever else is a name in a registry."""
    return image if _is_path(image) or ":/" in image else f"docker://{image}"


def _name_for_podman(image: str) -> tuple[str, ...]:
    """Return a name as it is; a path is a folder with a root file system, which nobody changes."""
    if _is_path(image):
        return ("--rootfs", f"{image}:O")
    return (image.removeprefix("docker://"),)
