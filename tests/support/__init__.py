"""Small real things that several tests need."""
