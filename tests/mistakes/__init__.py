"""The mistakes students make, a file a family: what is called, and what the error must say."""
