"""The command `python3 -m infra.dlq`; the Makefile calls it on the pinned environment."""

import sys

from infra.dlq.cli import main

sys.exit(main(sys.argv[1:]))
