"""What the Linux backends ask of the kernel."""
