"""What `./run check` runs, one small file each, and other tools of the repository."""
