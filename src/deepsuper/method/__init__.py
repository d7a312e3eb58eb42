"""The paper: equations 1 to 8 (`objective`), the table of methods (`methods`) and the forward pass that computes the
losses (`supervised`). It stands on `models`, `config` and `common`; read `objective` first.
"""
