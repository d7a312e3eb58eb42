"""The own engine of the evaluation: prefix caching and continuous batching, with the harness's answers.

Builds on transformers and on the harness, on private names too: `private_names` lists them. Read
`choose.engine_class` first, then `decoder.Decoder`.
"""
