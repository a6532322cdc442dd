"""Many people followed for at once, workers killed all the time, and nothing lost: the soak."""
