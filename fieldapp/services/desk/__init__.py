"""Use cases of the centre's desk. None of this reaches a phone.

Found and unlock a centre (`centre`, `ceremony`, `signing`), enrol devices (`devices`, `tokens`), take records in
(`receiving`, `judging`, `reading`), work them (`inbox`, `quarantine`) and answer (`downstream`). `book` is the only one
that writes to the vault; `records` and `envelopes` are what it writes.
"""
