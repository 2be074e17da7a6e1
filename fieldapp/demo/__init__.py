"""`fieldapp demo`: the whole product on one machine, with made-up cases. `world` runs it, `page` shows the way in."""
