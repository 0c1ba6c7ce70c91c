"""What each type of output means."""
