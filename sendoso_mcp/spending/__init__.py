"""May this gift be sent, and was it?

A send goes one way: `quote` (what it is and costs), `policy` (may it be sent), `approval` (a person's
yes to exactly that), `guard` (order it once, and say truthfully what came of it).
"""
