"""One module a framework; each is imported when a model of its framework is loaded."""
