"""`python -m ig_tasks.cli`."""

from ig_tasks.cli import main

main()
