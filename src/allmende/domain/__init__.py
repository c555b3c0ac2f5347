"""What is true: no I/O, no clock, no dice, no log."""
