"""Base models: loading and saving them, adapters, model cards, generation. It stands on `common` and `config`; read
`load.load_model` first.
"""
