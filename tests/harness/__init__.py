"""What several tests share, without Kafka and with it."""
