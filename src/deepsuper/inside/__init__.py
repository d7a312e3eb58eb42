"""What happens inside a model: critical layers, the logit lens, the alignment of two languages. It stands on `method`
and `data`; read `layers.select_layers` first.
"""
