"""How things look wherever people see them: visible text and colours, for page, charts, terminal and notebook."""
