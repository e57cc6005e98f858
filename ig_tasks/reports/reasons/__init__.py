"""Reason codes as people read them: tables, a letter to one person, a table in the terminal."""
