"""What the Python peers have in common: the job itself, without any engine."""
