"""Counters of the machine: energy now, carbon and prices later."""
