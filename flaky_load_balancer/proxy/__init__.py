"""The way of a request: received, decided about, sent to servers, answered."""
