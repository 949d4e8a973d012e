"""What the assistant says: approved responses, or sentences of the company's own pages, with their sources."""
