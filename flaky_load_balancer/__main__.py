"""``python -m flaky_load_balancer`` is ``flb``."""

from flaky_load_balancer.cli.main import main

if __name__ == "__main__":
    main()
