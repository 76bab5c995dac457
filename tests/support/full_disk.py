"""A limit on the size of files, which simulates a full disk: writing fails in the middle."""

# To be put before the code of a process: python -c FULL_DISK + CODE
FULL_DISK = (
    "import resource, signal;"
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
)
