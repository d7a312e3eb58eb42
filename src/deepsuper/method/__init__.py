"""The paper: equations 1 to 8 (`objective`), the table of methods (`methods`), one forward pass that computes them
(`supervised`). It stands on `models` and `config`; read `objective` first.
"""
