"""Peer in Quix Streams."""
