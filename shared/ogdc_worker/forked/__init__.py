"""Workers that are forked from a process with all imports done, and join a sandbox made by bubblewrap."""
