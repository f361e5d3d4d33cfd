"""Semantic memory server for LLM agents."""

__version__ = "1.0.0"
