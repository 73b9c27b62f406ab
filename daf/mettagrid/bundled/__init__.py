"""Code inside an exported bundle: it runs in mettagrid, with numpy and torch, without DAF."""
