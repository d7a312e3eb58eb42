"""The own engine of the evaluation: prefix caching and continuous batching, with the harness's answers.

Read `choose.engine_class` first, then `decoder.Decoder`; `private_names` lists what it needs of other libraries.
"""
