"""What stands over sessions, pure: no I/O, no clock, no randomness."""
