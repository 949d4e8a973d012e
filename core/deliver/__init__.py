"""What must arrive elsewhere: signed requests out of an outbox that outlives a restart, and the check of such requests.

outbox (a table) ──▶ deliverer (a thread for each channel) ──▶ post ──▶ address, which may be refused
signature: made here, and checked where requests come in
"""
