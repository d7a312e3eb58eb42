"""Rows of parallel text: reading, checking, joining, mixing, translating and rendering them. It stands on `common`,
`config`, `models` and `evaluation`; read `rows.load_corpus` first.
"""
