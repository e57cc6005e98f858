"""Drafts of specs, made from what other services call an explanation."""
