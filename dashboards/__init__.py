"""Grafana's dashboards and Prometheus' alerts for The Wall, as code."""
