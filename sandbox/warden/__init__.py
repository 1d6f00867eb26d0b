"""The process between whoever launches a program and the program: confines, watches, ends it."""
