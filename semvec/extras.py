"""Messages about missing optional dependencies."""


def missing(what: str, library: str, extra: str) -> str:
    """Return a message that names the extra, for a checkout and for a wheel.

    The distribution is not named: an index may have another one of the same name.
    """
    return (
        f"{what} needs {library}, of the extra {extra!r}: install this package again from the "
        f"folder or the file that it came from, with [{extra}] after its path"
    )
