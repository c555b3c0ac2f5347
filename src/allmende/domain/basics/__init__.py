"""Units, periods, people, ids, lifecycles, dated rules: what every subject speaks."""
