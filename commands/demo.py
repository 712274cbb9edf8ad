"""A local page that predicts an essay as one types: `make demo`."""

import argparse
import os
from collections.abc import Sequence

from pipeline.configuration import load_configuration
from pipeline.errors import UserError, exit_with_message
from pipeline.progress import say
from pipeline.viewing.demo import COLUMNS, Row, answer, style
from pipeline.viewing.rating import Rater

_HOST = "127.0.0.1"
_EXAMPLE = "Trams should be free.\n\nThey are quick, and a street has room for few cars.\n\nSo yes."


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page on this machine alone until it is interrupted."""
    parser = argparse.ArgumentParser(prog="commands.demo", description=__doc__)
    parser.add_argument("--model", help="a key of models in params.yaml; the first if none")
    parser.add_argument("--port", type=int, help="a free one from 7860 on if none")
    wanted = parser.parse_args(argv)
    # Read by Gradio as it is imported: nothing is told to anyone.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio  # type: ignore[import-not-found]
    except ImportError:
        raise UserError("commands.demo: no gradio in this environment; run: make demo") from None
    configuration = load_configuration()
    rater = Rater(configuration, wanted.model)

    def handle(text: str) -> tuple[str, list[Row]]:
        return answer(text, rater.rate)

    with gradio.Blocks(title="Effective arguments", analytics_enabled=False) as page:
        box = gradio.Textbox(
            _EXAMPLE, label="An essay, paragraphs apart; or JSON with its elements", lines=8
        )
        essay = gradio.HTML()
        table = gradio.Dataframe(
            headers=list(COLUMNS), label="Probabilities", interactive=False, wrap=True
        )
        # While one text is predicted the next ones wait, and only the last of them is taken.
        box.change(handle, box, [essay, table], trigger_mode="always_last", show_progress="hidden")
        page.load(handle, box, [essay, table], show_progress="hidden")
    page.launch(
        share=False,
        server_name=_HOST,
        server_port=wanted.port,
        css=style(),
        footer_links=[],
        # Gradio's own lines tell how to share a page.
        quiet=True,
        prevent_thread_lock=True,
    )
    say(f"demo: {page.local_url} (Ctrl-C ends it)")
    page.block_thread()


if __name__ == "__main__":
    exit_with_message(main)
