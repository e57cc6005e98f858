"""What is to be said of single features of a run, beside their importance."""
