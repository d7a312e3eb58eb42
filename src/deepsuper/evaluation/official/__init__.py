"""Official benchmark downloads, as published, into the layout that `eval --data_dir` reads.

Builds on `common` and on the table of benchmarks, whose rows say which files of a download hold a language. Read
`convert.convert` first.
"""
