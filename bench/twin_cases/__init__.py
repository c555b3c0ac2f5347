"""The parts of the benchmark of the twin: workloads, the peer, memory, growth, live decisions."""
