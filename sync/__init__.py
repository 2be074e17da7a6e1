"""The way between a device and its centre: envelopes, keys, directory, relay, and the rules that bind them.

`PROTOCOL.md` beside this file is the format; `ATTACKS.md` is who attacks what and which test shows it.
Nothing in this package imports `fieldapp`, and `sync.relay` contains no decryption code at all.
"""
