"""Programs that read the two tables and compare three metrics, each in a process of its own.

Each is called with the directory of the tables, and prints the sums that its numbers come from.
Those of other people's libraries run in `.venv-peers`; none of them counts segments or days.
"""
