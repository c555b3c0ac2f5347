"""What the benchmark of metering is made of: a composed cluster, and how it is read."""
