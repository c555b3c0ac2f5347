"""Troubles with one job that must stop no other one."""

# What code comes to when it meets such files or figures. The database's own troubles are not among
# them: they concern every job.
MISTAKES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

# The status from which on a refusal is the machine's own trouble, which passes.
MACHINE_TROUBLE = 500
