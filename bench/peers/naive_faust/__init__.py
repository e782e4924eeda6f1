"""Peer in Faust as everyone writes it: a record at a time."""
