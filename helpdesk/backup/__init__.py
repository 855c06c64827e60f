"""Backup and restore (R-429): one archive moves an installation, also between embedded and server mode."""
