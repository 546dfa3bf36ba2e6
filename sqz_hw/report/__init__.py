"""Says what was built: ``report.json`` first; terminal, Markdown and HTML only read that."""
