"""Embedders: texts to vectors, in this process or over the network."""
