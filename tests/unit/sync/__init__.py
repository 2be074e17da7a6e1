"""Unit tests of the protocol, one file a module."""
