"""How much is left: the double-entry ledger of compute time."""
