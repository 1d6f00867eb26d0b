"""``flb harness``: servers, balancer and clients started together, watched, and compared."""
