"""What strategies are made of: small pieces of state and rules, one file each."""
