"""Telemetry: metrics, log lines and traces."""
