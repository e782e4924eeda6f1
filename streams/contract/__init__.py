"""What is on the broker, and how it is encoded."""
