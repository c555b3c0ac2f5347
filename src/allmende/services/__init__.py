"""What an actor can do: one function is one deed is one transaction."""
