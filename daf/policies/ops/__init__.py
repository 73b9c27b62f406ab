"""Operations of networks: Warp kernels, and replacements in plain torch for bundles."""
