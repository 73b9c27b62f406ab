"""Progress of a workflow: its events, learning curves, screen and local page."""
