"""What a running balancer shows to the outside: where requests come in, and where people look."""
