"""Charts as values, and the functions that make them: report page, notebook and browser draw the same ones.

A chart function takes plain rows of labels and numbers, knows nothing of reports or explanations, and returns a
`Chart`. Colours come from `ig_tasks.presentation.colours`; the font and the sizes from `typeface` and `axes`.
"""

from ig_tasks.charts.chart import Chart

__all__ = ["Chart"]
