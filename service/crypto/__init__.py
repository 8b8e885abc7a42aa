"""Values in, bytes out. No clock, no files, no database."""
