"""Parse, print and exit: the command line, and the only layer that prints."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; every error of ours is one sentence, one hint and an exit code."""
    from throughput.cli.regression import app
    from throughput.errors import EXIT_INTERRUPTED, ThroughputError

    try:
        app(prog_name="throughput")
    except ThroughputError as error:
        sys.stderr.write(f"throughput: {error.what}\n")
        if error.hint:
            sys.stderr.write(f"  {error.hint}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
