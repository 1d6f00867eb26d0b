"""What requests are about, and how well and how dearly each server answers them."""
