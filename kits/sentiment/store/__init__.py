"""What the monitor keeps: its tables, the transactions that change them, and what is read back or deleted."""
