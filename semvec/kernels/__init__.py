"""The maths over many vectors at once."""
