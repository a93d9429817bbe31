"""Parse, print and exit: the command line, and the only layer that prints."""

from __future__ import annotations

import sys
from typing import NoReturn

from throughput.errors import EXIT_INTERRUPTED, ThroughputError, explain_no_room, no_room


def main() -> None:
    """Run the command line; every error of ours is one sentence, one hint and an exit code."""
    from throughput.cli.asking import app

    try:
        app(prog_name="throughput")
    except ThroughputError as error:
        _end(error)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if not no_room(error):
            raise
        _end(explain_no_room(error, "the file was not written"))


def _end(error: ThroughputError) -> NoReturn:
    sys.stderr.write(f"throughput: {error.what}\n")
    if error.hint:
        sys.stderr.write(f"  {error.hint}\n")
    sys.exit(error.exit_code)
