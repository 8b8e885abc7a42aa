"""All SQL and the typed functions that run it: one .py and one .sql for each store."""
