"""What the service does: one module for each area, one function for each action. A use case owns its transaction."""
