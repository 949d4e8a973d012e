"""A kit as a service: HTTP interface and pages, with keys, limits and measurements."""
