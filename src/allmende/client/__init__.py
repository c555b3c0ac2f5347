"""Allmende from Python: submit job files, follow the jobs, fetch the models.

Speaks to the API of a factory as its person, from any machine; needs no database and no Django.
"""

from allmende.client.calls import ApiError, TokenNeedsCover, Unreachable
from allmende.client.factory import Client
from allmende.client.jobs import Job
from allmende.client.models import FileDiffers, Model

__all__ = ["ApiError", "Client", "FileDiffers", "Job", "Model", "TokenNeedsCover", "Unreachable"]
