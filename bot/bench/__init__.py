"""Benches: figures measured side by side in one run, so that they can be read as ratios."""
