"""The commands of `amt`, one file per command: its options and what it runs."""
