"""Facts in, decision out. Cedar lives here and nowhere else; no I/O but the files of ``policies/``."""
