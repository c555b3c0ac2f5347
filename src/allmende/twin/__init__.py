"""The twin: recorded or invented workloads, replayed in virtual time by the live kernel."""
