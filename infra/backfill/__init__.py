"""An export of a booking system's, imported for one tenant by an operator.

`make backfill` runs it on the local cloud, `make backfill STAGE=dev` on AWS with the operator's own
credentials. The work is done by the Rust tool `booking-backfill`; here it is built, and told where
the stage's table and secrets are. docs/RUNBOOK.md says when to do what.
"""
