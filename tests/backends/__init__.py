"""Backends, against their contract and on their own."""
