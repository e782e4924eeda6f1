"""Kafka and the registry from outside a worker."""
