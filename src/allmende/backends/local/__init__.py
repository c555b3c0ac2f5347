"""Jobs as real processes on virtual nodes of this machine."""
