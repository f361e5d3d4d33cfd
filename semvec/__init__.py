"""Semantic memory server for LLM agents."""

import os

__version__ = "1.0.0"

# NumPy's products here are small, and encoders have threads of their own: more of them for a
# product doubles its CPU time and keeps the encoders waiting. It is read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
