"""Wiring: may import every app and is imported by none (`people` and `lib` below it are the ground)."""
