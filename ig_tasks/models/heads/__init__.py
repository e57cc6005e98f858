"""Heads behind models: one module a framework, each imported when a model of its framework is loaded."""
