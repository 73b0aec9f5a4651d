"""The command line's subjects, one file each; `api.cli` lists them."""
