"""Use cases: what a worker or a member of the centre's staff does, without a screen and without SQL.

The officer's path: `gate` (unlock) -> `screenings` (answer, finish) -> `filing` (seal in one transaction) ->
`delivery` (send, confirm). The centre's path: `centre` (create, unlock) -> `receiving` -> `inbox` -> `devices`.
Every service is used on one event loop; all storage runs on the one thread of `worker`.
"""
