"""`deepsuper data translate`: rows of one side -> rows of both; rows that fail are set aside."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deepsuper.common.files import json_line, replacing
from deepsuper.common.manifests import manifest_head
from deepsuper.common.outputs import check_folder
from deepsuper.common.progress import spinner
from deepsuper.config.translate import TranslateConfig
from deepsuper.data.translate.cache import open_cache
from deepsuper.data.translate.check import check_translate
from deepsuper.data.translate.job import Job, Translated, Writer
from deepsuper.data.translate.replies import Translator
from deepsuper.data.translate.report import print_translated, write_manifest


def run_translate(config: TranslateConfig, command: Sequence[str] = (), report: Path | None = None) -> Translated:
    """Writes the completed rows, and those that failed with the reason; prints a summary. `report`: the folder that a
    check of the rows will be written to.

    Raises: UserError naming the option, or the file, at fault. Finished translations stay in the cache.
    """
    files = check_translate(config)
    if report is not None:
        check_folder("output", report)
    head = manifest_head(command)
    files.output.parent.mkdir(parents=True, exist_ok=True)
    translator = make_translator(config)
    done = Translated()
    maker = json.dumps([translator.maker, config.language, config.to])
    with (
        open_cache(files.cache, maker) as cache,
        _writer(files.output) as keep,
        _writer(files.aside) as put_aside,
        spinner() as show,
    ):

        def tick() -> None:
            show(f"{done.rows_out:,} rows, {done.texts:,} texts translated, {done.rows_aside:,} rows aside")

        Job(config, translator, cache, done, keep, put_aside, tick).run(files.source)
    write_manifest(config, files, maker, done, head)
    print_translated(config, files, done)
    return done


def make_translator(config: TranslateConfig) -> Translator:
    """The translator for the configured model or endpoint."""
    if config.endpoint is not None:
        from deepsuper.data.translate.endpoint import EndpointTranslator

        return EndpointTranslator(config)
    from deepsuper.data.translate.local import LocalTranslator

    return LocalTranslator(config)


@contextmanager
def _writer(path: Path) -> Iterator[Writer]:
    """A function that writes rows. The file gets its name when it is complete."""
    with replacing(path) as aside, aside.open("w", encoding="utf-8") as file:
        yield lambda row: file.write(json_line(row))
