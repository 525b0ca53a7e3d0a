"""The command line: every stage by name, and what a person asks of a run."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from pipeline.base.errors import FacevoxError
from stages.commands.export import app as export

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Build audio-face datasets from talking-face video. 'dvc repro' runs all stages; these run one.",
)

Dataset = Annotated[str, typer.Argument(help="A dataset listed under 'datasets' in params.yaml.")]
_STAGES = "Stages"
_PEOPLE = "For people"

# name: (sentence, runs once a dataset). The sentence is the stage file's own and its `desc` in dvc.yaml.
STAGES = {
    "sources": ("List the clips of one dataset: who speaks in each, and where to fetch it.", True),
    "download": ("Bring the media of every clip here and note what it holds.", True),
    "detect": ("Find, follow and measure the faces of every clip in one decode.", True),
    "crop": ("Crop and align faces of every clip's main track: some drawn blindly, some likely to be standard.", True),
    "select": (
        "Select the standard faces: frontal, lip-still, open-eyed and sharp, by threshold or by a person's word.",
        True,
    ),
    "audio": ("Cut the sound of every clip into segments and turn each into a voice-only log-mel.", True),
    "recognise": ("Embed the face of every clip by a network that knows faces: the evidence on who is who.", True),
    "persons": ("Decide which identities are one person, and on which side of the split each person stands.", False),
    "pretrain_identity": (
        "Provide the face recognition network: the weights that params.yaml names, or one trained on the training persons.",
        False,
    ),
    "identify": ("Label every cropped face with its identity embedding.", True),
    "dataset": (
        "Cap, pair and count what all stages gave, audit the split, and print the paper's Table 1 for this run.",
        False,
    ),
    "pretrain_voice": (
        "Provide the voice network: the weights that params.yaml names, or one trained on the training persons' "
        "voices.",
        False,
    ),
    "pretrain_audio_face": ("Train the audio-face decoder: from a voice to a face of the same person.", False),
    "train": (
        "Train the inpainting network, or one of the paper's ablations of it, on the training persons' standard faces.",
        False,
    ),
    "evaluate": (
        "Inpaint the standard faces of the test persons and judge them: image metrics, identity, retrieval, voice swaps.",
        False,
    ),
    "report": (
        "Draw the page that shows the run: what was kept and why, faces, sound, training, figures.",
        False,
    ),
}


def _add_stage(name: str, sentence: str, *, per_dataset: bool) -> None:
    """Add a command that imports the stage only when it is called."""
    if per_dataset:

        def run_for(dataset: Dataset) -> None:
            import_module(f"stages.{name}").main(dataset)

        app.command(name, help=sentence, rich_help_panel=_STAGES)(run_for)
    else:

        def run() -> None:
            import_module(f"stages.{name}").main()

        app.command(name, help=sentence, rich_help_panel=_STAGES)(run)


for _name, (_sentence, _per_dataset) in STAGES.items():
    if _name != "evaluate":  # has an option
        _add_stage(_name, _sentence, per_dataset=_per_dataset)


@app.command(help=STAGES["evaluate"][0], rich_help_panel=_STAGES)
def evaluate(
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Score another method's pictures instead: <name>.png, 256x256, named as 'facevox masked' does."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where their metrics.json and faces.parquet go.")] = Path("build/scores"),
) -> None:
    """Run the stage, or judge what another method inpainted; this run's metrics.json then stays as it is."""
    if predictions is None:
        import_module("stages.evaluate").main()
    else:
        import_module("stages.commands.predictions").score_predictions(predictions, out)


@app.command(rich_help_panel=_PEOPLE)
def masked(
    to: Annotated[Path, typer.Option(help="The folder to make.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier one.")] = False,
) -> None:
    """Hand out the masked test faces and their masks for another method to inpaint."""
    from stages.commands.predictions import hand_out_faces

    hand_out_faces(to, force=force)


@app.command(rich_help_panel=_PEOPLE)
def profile(
    names: Annotated[
        list[str] | None, typer.Argument(help="Profiles in profiles/, applied in the order given.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", "-S", help="section.key=value on top of them, value as YAML.")
    ] = None,
) -> None:
    """Write profiles over params.yaml, comments kept, and say what changed."""
    from stages.commands.profile import apply_profiles

    print(apply_profiles(names or [], set_ or []))


@app.command(rich_help_panel=_PEOPLE)
def status() -> None:
    """Show how many items each stage kept, and why the others ended."""
    from stages.commands.status import render_status

    print(render_status())


@app.command(rich_help_panel=_PEOPLE)
def summary() -> None:
    """Show what a run made: Table 1, the funnel, how the network inpaints, and where things are."""
    from stages.commands.summary import render_summary

    print(render_summary())


@app.command(rich_help_panel=_PEOPLE)
def why(
    item: Annotated[str, typer.Argument(help="A clip, face, segment or person; the dataset may be left out.")],
) -> None:
    """Tell an item's story: how it ended in every stage, with what was cut from it."""
    from stages.commands.status import render_story

    print(render_story(item))


@app.command(rich_help_panel=_PEOPLE)
def sheet(
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("build/sheets"),
    all_faces: Annotated[bool, typer.Option("--all", help="All faces, not only the standard ones.")] = False,
) -> None:
    """Draw contact sheets of a dataset's faces."""
    from stages.commands.sheet import draw_sheets

    for path in draw_sheets(dataset, out, standard_only=not all_faces):
        print(path)


Mask = Annotated[
    Path | None,
    typer.Option(
        help="Black and white picture of the same size, white where to inpaint; without: eyes, nose and mouth."
    ),
]
Eyes = Annotated[
    str | None,
    typer.Option(help="LEFT_X,LEFT_Y,RIGHT_X,RIGHT_Y in pixels, for a face that is hidden from the detector."),
]
Network = Annotated[Path | None, typer.Option("--model", help="Another trained network than this checkout's.")]


@app.command(rich_help_panel=_PEOPLE)
def inpaint(
    source: Annotated[Path, typer.Argument(help="JPEG, PNG or video with a face of which a part is missing.")],
    sound: Annotated[Path, typer.Argument(help="Sound or video with the voice of that person.")],
    out: Annotated[Path, typer.Option(help="The picture or mp4 to write; it is marked as synthetic.")],
    mask: Mask = None,
    eyes: Eyes = None,
    model: Network = None,
) -> None:
    """Inpaint the missing part of a face by the person's voice."""
    _inpaint(source, sound, out, mask, eyes, model)


@app.command(rich_help_panel=_PEOPLE)
def swap(
    source: Annotated[Path, typer.Argument(help="JPEG, PNG or video with a whole face.")],
    sound: Annotated[Path, typer.Argument(help="Sound or video with the voice of somebody else.")],
    out: Annotated[Path, typer.Option(help="The picture or mp4 to write; it is marked as synthetic.")],
    model: Network = None,
) -> None:
    """Inpaint eyes, nose and mouth of a face anew, as somebody else's voice has them."""
    _inpaint(source, sound, out, None, None, model)


def _inpaint(source: Path, sound: Path, out: Path, mask: Path | None, eyes: str | None, model: Path | None) -> None:
    from stages.commands.inpaint import eyes_of, inpaint_file

    print(inpaint_file(source, sound, out, mask=mask, eyes_px=None if eyes is None else eyes_of(eyes), model=model))


@app.command(rich_help_panel=_PEOPLE)
def dictionary() -> None:
    """Print the data dictionary: every manifest with its columns."""
    from stages.commands.dictionary import render_dictionary

    print(render_dictionary(), end="")


@app.command(rich_help_panel=_PEOPLE)
def doctor() -> None:
    """Check that this machine has what a run needs."""
    from stages.commands.doctor import render_checks

    text, healthy = render_checks()
    print(text)
    if not healthy:
        raise typer.Exit(1)


app.add_typer(export, name="export", rich_help_panel=_PEOPLE)


def main() -> None:
    """Run the command line; an error that a person can mend is one sentence, not a traceback."""
    try:
        app()
    except FacevoxError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
