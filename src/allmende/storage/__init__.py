"""The only code that knows SQL: rows in, frozen domain values out."""
