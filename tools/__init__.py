"""What is run on the project rather than with it: generated pages, catalogues, drawings."""
