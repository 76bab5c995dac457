"""Corrections of users as training pairs: listed, checked, accepted or rejected, exported."""
