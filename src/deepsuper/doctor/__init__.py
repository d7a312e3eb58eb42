"""Parallel rows examined: what is wrong with each, how they look as a whole, and a file without the bad ones.

`run.check_file` and `run.check_rows` give the findings; `table.CHECKS` are the checks.
"""
