"""Dead letters: what was given up is listed, shown, replayed or discarded by an operator.

`make dlq` runs it on the local cloud, `make dlq STAGE=dev` on AWS with the operator's own
credentials. docs/RUNBOOK.md says when to do what. Nothing that it prints holds personal data: of a
body only ids, names and times are shown, and only where they look like such.
"""
