"""May they, may they see, where may it be, was the promise kept."""
