"""Allmende: the operating software of an AI factory."""

__version__ = "0.1.0"
