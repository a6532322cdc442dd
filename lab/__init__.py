"""The real servers of the tests: how they are installed, started and stopped, on loopback only."""
