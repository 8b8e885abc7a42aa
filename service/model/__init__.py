"""What things are: frozen structs and pure rules, without I/O and without a framework."""
