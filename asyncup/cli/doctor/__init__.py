"""`asyncup doctor`: one check after the other, from the configuration to a small round trip.

*Check*: asks one thing, in a module with its kin (`configuration`, `network`, `account`, `machine`, `round_trip`).
*Finding*: what was seen, how bad it is and what to do. *Visit*: what the checks know so far, for those that come later.
How bad a figure is, is decided in `judgements`, which is pure. A check that fails, in whatever way, never ends the
visit: what depends on it is skipped, and says so.
"""
