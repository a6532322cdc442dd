"""`./run demo`: a simulated world to be clicked through, or played by itself."""
