"""A limit on the size of files, which simulates a full disk: writing fails in the middle."""

BYTES = 20_000

# To be put before the code of a process: python -c FULL_DISK + CODE
FULL_DISK = (
    "import resource, signal;"
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    f"resource.setrlimit(resource.RLIMIT_FSIZE, ({BYTES}, {BYTES}));"
)


def fill_disk() -> None:
    """The same in this process."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, BYTES))
