"""What an operator does: verify, replay, rebuild, run workers."""
