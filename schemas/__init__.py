"""The Avro schemas of everything that the pipeline writes, one record a file."""
