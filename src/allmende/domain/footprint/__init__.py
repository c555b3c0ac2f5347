"""What it consumes: energy, and later carbon, heat and cost."""
