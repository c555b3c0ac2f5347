"""Access: who may, for how much, and what was decided."""
