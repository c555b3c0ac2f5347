"""Bounds for a process that reads a file from outside, which may be made to keep it busy."""

import logging
import resource

MEMORY_BYTES = 1_000_000_000
CPU_SECONDS = 20


def bound_process() -> None:
    """Let this process take so much memory and time, write no core, and log nothing of a file."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()
