"""What a user would pick instead, live: proxies before the same servers, made by `make peers`."""
