"""What a wall is and how it is built. Knows no framework and does no I/O."""
