"""Questions about choosing by context, each answered by one command: see ``registry``."""
