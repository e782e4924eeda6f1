"""Peer without a framework: confluent-kafka, dictionaries, batches."""
