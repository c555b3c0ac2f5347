"""The command `allmende`."""


def main() -> None:
    """Run the command line."""
