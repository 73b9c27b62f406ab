"""Command line: subcommands, options and listings of `daf`."""
