"""Use cases: the only write path. Knows the engine as a protocol only."""
