"""Use cases of a worker's device, without a screen and without SQL; those of the centre's desk are in `desk`.

The officer's path: `gate` (unlock) -> `screenings` (answer, finish) -> `filing` and `sealing` (one transaction) ->
`delivery` (send) -> `listening` and `hearing` (what the centre answers). Every service is used on one event loop; all
storage runs on the one thread of `worker`.
"""
