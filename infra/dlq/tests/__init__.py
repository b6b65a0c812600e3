"""Tests of the dead letter command on a queue in memory; standard library only."""
