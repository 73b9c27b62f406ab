"""The real mettagrid as a partner: its policies in our simulator, ours in its, its engine beside
ours. Nothing here imports it before a function needs it."""
