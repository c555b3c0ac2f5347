"""What to run: job files, blueprints, model cards and training records."""
