"""The gate to sessions: a program of its own beside the portal, with an address of its own."""
