"""Tests of `make backfill`, without a cloud and without a build."""
