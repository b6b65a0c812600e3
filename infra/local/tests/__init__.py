"""Tests of the local cloud's own parts that need nothing running."""
