"""The gate to sessions."""
