"""In place of the library, for programs that tests start: they must not reach the key store of whoever runs the tests."""

raise ImportError("tests have no key store")
