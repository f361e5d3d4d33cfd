"""Rules for groups of sessions: pure functions without I/O, clock or randomness."""
