"""How English is written here."""
