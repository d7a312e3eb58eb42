"""Official benchmark downloads, as published, into the layout that `eval --data_dir` reads; `convert.convert` first."""
