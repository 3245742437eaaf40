"""Public decisions: one decision for everybody, paid by taxes."""
