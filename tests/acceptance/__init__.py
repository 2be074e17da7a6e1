"""What the product promises, shown on the whole of it."""
