"""Tables as CSV, Markdown and LaTeX: pure functions of recorded runs. No torch."""
