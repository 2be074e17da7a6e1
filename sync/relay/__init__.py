"""The relay: stores sealed envelopes for a while and can read none of them.

It imports only `sync.protocol` and `sync.errors` of our own code and holds no decryption code at all.
"""
