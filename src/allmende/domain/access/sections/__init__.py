"""The sections of the application form, one file each: a question is added in one place, here."""
