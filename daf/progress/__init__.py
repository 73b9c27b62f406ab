"""Progress of a study: events of the workflow, learning curves, screen and local page."""
