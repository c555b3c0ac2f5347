"""Containers: whether the nodes of a partition can run the image that a job file names."""

from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sites import Containers, Partition
from allmende.domain.training.job_specs import JobSpec
from allmende.services.workshop import Workshop


class NoContainersThere(Refusal):
    """{site} runs no containers. Leave image out and let setup make what run needs, or choose
    another partition."""

    status = 422


class NoContainerTool(Refusal):
    """This machine runs containers with {tools}, which is not installed. Install it, or leave image
    out and let setup make what run needs."""

    status = 422


def check_image(spec: JobSpec, partition: Partition, workshop: Workshop) -> None:
    """Refuse an image where no container can run, as far as that is known before a node tries."""
    if not spec.image:
        return
    site = workshop.factory.get_site(partition.site_id)
    if site.containers is Containers.NONE:
        raise NoContainersThere(site=site.name)
    # Nodes of a cluster, and the machine of an agent, find out themselves.
    if partition.is_embedded and not site.agent:
        wanted = [site.containers.value] if site.containers else ["apptainer", "podman"]
        if not set(wanted) & workshop.container_tools:
            raise NoContainerTool(tools=" / ".join(wanted))
