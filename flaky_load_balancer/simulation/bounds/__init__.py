"""What is possible at all with a fleet: what regret is measured against."""
