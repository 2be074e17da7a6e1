"""The places of the field app, one module for each group of screens."""
