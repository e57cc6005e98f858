"""Pictures of explained rows: each turns rows of one output into rows of a chart of `ig_tasks.charts`."""
