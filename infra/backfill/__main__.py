"""The command `python3 -m infra.backfill`; the Makefile calls it on the pinned environment."""

import sys

from infra.backfill.cli import main

sys.exit(main(sys.argv[1:]))
