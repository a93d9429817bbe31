"""Turn an Analysis into what people read: terminal, JSON, Markdown, HTML, and files for other viewers."""
