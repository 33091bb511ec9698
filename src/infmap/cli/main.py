"""The command ``infmap``."""

from __future__ import annotations

import errno
import importlib
import sys

VERBS: dict[str, str] = {
    "predict": "read chest films: infection map, severity and detection",
    "demo": "render sample films and read them: nothing needed",
    "calibrate": "fit a model to the films of one hospital",
    "doctor": "check this installation",
    "catalog": "compile films of several sources into a snapshot",
    "train": "train a network on a snapshot",
    "study": "compare networks, encoders and regimes on a snapshot",
    "explain": "activation maps beside the infection map",
    "serve": "a viewer in the browser, and an HTTP interface",
    "annotate": "readers and networks draw masks together",
    "dicom": "objects to and from a PACS, and a node that reads what it is sent",
    "export": "write a model as ONNX, with its preprocessing and card",
}
"""Verb to its one-line help, in the order shown; each is a module of this package."""

ALIASES = {"benchmark": "study"}
"""Former name of a verb to its name: understood, not listed."""

USAGE = """\
usage: infmap VERB ...

Reads a chest X-ray: where COVID-19 infection sits, how severe it is, whether it is there.
Research use only. Not a medical device.

{verbs}

  infmap VERB --help     what a verb takes, with an example
  infmap --version"""

_MENDED_BY_USERS = {
    errno.EACCES, errno.EDQUOT, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOSPC,
    errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip
"""No room, no permission, no such place: one line, for a traceback would tell no more."""


def main(arguments: list[str] | None = None) -> None:
    """Run one verb and exit with its status.

    0 done; 1 internal error; 2 wrong use; 3 some films rejected or failed; 130 and 143 stopped by
    Ctrl-C and SIGTERM.
    """
    from infmap.cli.streams import forgive_closed_pipes

    forgive_closed_pipes()
    status = _main(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_flush(status))


def _main(given: list[str]) -> int:
    if not given or given[0] in ("--help", "-h", "help"):
        width = max(map(len, VERBS))
        verbs = "\n".join(f"  {verb:<{width}}  {text}" for verb, text in VERBS.items())
        sys.stdout.write(USAGE.format(verbs=verbs) + "\n")
        return 0 if given else 2
    if given[0] == "--version":
        from infmap import __version__

        sys.stdout.write(f"infmap {__version__}\n")
        return 0
    verb, arguments = ALIASES.get(given[0], given[0]), given[1:]
    if verb not in VERBS:
        sys.stderr.write(f"infmap: unknown command {given[0]!r}; one of: {', '.join(VERBS)}\n")
        return 2
    from infmap.cli.stopping import stopping

    with stopping(verb) as stop:
        try:
            status = _run(verb, arguments)
        except BaseException as error:
            if stop.came():
                stop.end()
            status = _say(verb, error)
        if stop.came():
            stop.end()
    return status


def _run(verb: str, arguments: list[str]) -> int:
    app = importlib.import_module(f"infmap.cli.{verb}").app
    # Not standalone: Typer would print errors in its own way and leave the process itself.
    status = app(arguments, prog_name=f"infmap {verb}", standalone_mode=False)
    return status if isinstance(status, int) else 0


def _say(verb: str, error: BaseException) -> int:
    """One line for what a user can correct, and its status; anything else is raised again."""
    from infmap.core.errors import InfmapError

    if isinstance(error, InfmapError):
        sys.stderr.write(f"infmap {verb}: {error}\n")
        return 2
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write(f"infmap {verb}: stopped\n")
        return 130
    if isinstance(error, OSError) and error.errno in _MENDED_BY_USERS:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"infmap {verb}: {where}{error.strerror}; nothing half-written counts\n")
        return 2
    return _translate(verb, error)


def _flush(status: int) -> int:
    """Write out what was printed, while a failure of that can still be said."""
    try:
        sys.stdout.flush()
    except OSError as error:
        sys.stderr.write(f"infmap: standard output cannot be written: {error.strerror}\n")
        return 2
    return status


def _translate(verb: str, error: BaseException) -> int:
    """Typer's own complaints are wrong use; anything else is a defect, with its traceback."""
    import typer
    from typer.exceptions import TyperException

    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, typer.Abort):
        return 130
    if isinstance(error, TyperException):
        message = getattr(error, "format_message", lambda: str(error))()
        sys.stderr.write(f"infmap {verb}: {message}; see infmap {verb} --help\n")
        return 2
    raise error


if __name__ == "__main__":
    main()
