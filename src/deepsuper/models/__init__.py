"""Base models: loading, saving, adapters, cards, generation. It stands on `common` and `config`; read `load` first."""
