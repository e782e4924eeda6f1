"""The same job with other engines: one folder each; none imports the project's `streams`."""
