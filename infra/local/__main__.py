"""The command of the local cloud: `python3 -m infra.local <command>`; the Makefile calls it."""

import sys

if sys.version_info < (3, 10):
    sys.exit("Python 3.10 or newer is needed, this is %d.%d (%s)" % (sys.version_info[:2] + (sys.executable,)))

from infra.local.cli import main  # noqa: E402: an older Python can't even read the other modules

sys.exit(main(sys.argv[1:]))
