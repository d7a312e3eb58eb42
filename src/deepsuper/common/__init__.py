"""What every room may use: files, lines, manifests, errors, intervals, languages and scripts. It stands on nothing of
deepsuper and needs no torch; read `files` first.
"""
