"""What people read: the page, its charts, the terminal's print, all drawn from a Report.

`page.render_page(report)` is the page; `terminal.print_report` the print. Altair is imported when a chart is drawn.
"""
