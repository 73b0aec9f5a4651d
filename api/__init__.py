"""The doors: HTTP, the live stream, sign-in, the command line and the screens."""
