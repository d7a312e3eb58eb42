"""Computes COMET scores inside the environment of unbabel-comet. `scores.py` starts it.

It imports nothing of deepsuper, which that environment does not have. It reads rows from a file and writes scores to
another, as lines of JSON. An error is one line on stderr, and the exit status tells the step.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

NO_PACKAGE, NO_MODEL, NOT_LOADED, NOT_SCORED = 3, 4, 5, 6


def main(model: str, rows_file: str, scores_file: str, progress: str) -> None:
    """Writes one `{"score": ...}` for each row to `scores_file`, in the order of the rows."""
    with step(NO_PACKAGE):
        import comet
        import torch
    for name in ("comet", "pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with step(NO_MODEL):
        checkpoint = fetch(model)
    with step(NOT_LOADED):
        metric = comet.load_from_checkpoint(checkpoint)
    with step(NOT_SCORED):
        with open(rows_file, encoding="ascii") as file:
            rows = [{name: whole(text) for name, text in json.loads(line).items()} for line in file]
        # One GPU: unbabel-comet cannot gather the scores of several with torch 2.6 or later.
        gpus, shown = int(torch.cuda.is_available()), progress == "progress"
        scored = metric.predict(rows, batch_size=16, gpus=gpus, progress_bar=shown)
        with open(scores_file, "w", encoding="ascii") as file:
            file.writelines(json.dumps({"score": score}) + "\n" for score in scored["scores"])


def fetch(model: str) -> str:
    """The checkpoint file: `model` itself, or what the hub has under that name."""
    if model.endswith(".ckpt"):
        return model
    if "/" not in model:  # models older than the hub's
        from comet import download_model

        return str(download_model(model))
    # What `download_model` does, but that says of every failure that the model is not supported.
    from huggingface_hub import snapshot_download

    return os.path.join(snapshot_download(repo_id=model), "checkpoints", "model.ckpt")


def whole(text: str) -> str:
    """The text with U+FFFD in place of each lone surrogate, which the tokenizer does not accept."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@contextmanager
def step(status: int) -> Iterator[None]:
    """Ends the program with `status` and one line where the step fails."""
    try:
        yield
    except Exception as error:
        print(f"\n{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(status)


if __name__ == "__main__":
    # Python looks in this file's folder first, where a module could hide a package of the same name.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    main(*sys.argv[1:])
