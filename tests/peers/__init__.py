"""Real far ends for tests: servers that run on this machine and do what the world does."""
