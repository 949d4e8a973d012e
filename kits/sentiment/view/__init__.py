"""What people and programs are shown of the monitor: plain data, read from its tables and never written.

All of it is as of the monitor's own clock, which is the time of day when it runs live, and the
time of the recording when a recorded stream was replayed.
"""
