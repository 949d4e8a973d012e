"""How good the alarms are: history, recorded or with planted surges, on a virtual clock."""
