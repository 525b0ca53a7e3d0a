"""The command line: every stage by name, and commands on a run and its results."""

import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

# Arrow's other allocators keep the pages of large tables that are gone. Set before anything imports it.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

from pipeline.core.base.errors import BadInput, FacevoxError
from pipeline.engine.disk_errors import DiskProblem, check_writable, disk_problem
from pipeline.engine.stopping import (
    DVC_STAGE,
    Stopped,
    adopt_orphans,
    end_descendants,
    exit_stopped,
    stop_on_signals,
    stop_with_dvc,
)
from stages.commands.dvc_files import mend_dvc_files
from stages.commands.export import app as export
from stages.commands.lists import app as lists
from stages.commands.store import app as store

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Build audio-face datasets from talking-face video. 'dvc repro' runs all stages; these run one.",
)

Dataset = Annotated[str, typer.Argument(help="A dataset listed under 'datasets' in params.yaml.")]
_STAGES = "Stages"
_TOOLS = "Tools"

# name: (sentence, whether it runs per dataset). The sentence is the stage file's docstring and `desc` in dvc.yaml.
STAGES = {
    "inputs": (
        "Note what each dataset's source would read, so that its clips are listed anew when it has changed.",
        False,
    ),
    "sources": ("List the clips of a dataset: published identity and address of each.", True),
    "released_audioface": (
        "Read a dataset that is built already, as the paper's authors released it: faces, log-mels, labels and split.",
        True,
    ),
    "download": ("Fetch the media of every clip, record its properties, and split long clips into parts.", True),
    "detect": ("Detect, track and measure the faces of every clip in one decode.", True),
    "subjects": (
        "Link every clip's tracks to persons by their faces, choose the main one, and decide when each of them speaks.",
        True,
    ),
    "crop": ("Crop and align faces of every clip's subjects: random ones and candidates for standard faces.", True),
    "face_videos": (
        "Cut faces out as videos with sound, each in one fixed box in which the face moves, where params ask for them.",
        True,
    ),
    "select": (
        "Select the standard faces: frontal, lips shut, eyes open, resolved; by thresholds or by a person's override.",
        False,
    ),
    "audio": ("Cut the sound of every clip into segments and turn each into a voice-only log-mel.", True),
    "recognise": ("Embed the face of every subject by a face recognition network, as evidence on identities.", True),
    "persons": ("Decide which identities are one person, and assign each person to train or test.", False),
    "pretrain_identity": (
        "Fetch the face recognition network that params.yaml names, or train one on the training persons.",
        False,
    ),
    "identify": ("Label every cropped face with its identity embedding.", True),
    "dataset": (
        "Cap, pair and count faces and segments, audit the split, and print the paper's Table 1 for this run.",
        False,
    ),
    "pretrain_voice": (
        "Fetch the voice network that params.yaml names, or train one on the training persons' voices.",
        False,
    ),
    "pretrain_audio_face": ("Train the audio-face decoder: from a voice to a face of the same person.", False),
    "train": (
        "Train the generator, or one of the paper's ablations of it, on the training persons' standard faces.",
        False,
    ),
    "evaluate": (
        "Inpaint the standard faces of the test persons and compute metrics: images, identity, retrieval, voice swaps.",
        False,
    ),
    "report": (
        "Write the report on the run: items kept and dropped, faces, sound, training, metrics.",
        False,
    ),
}


def run_stage(name: str, *args: Any) -> None:
    """Import the stage ``name`` and call its ``main(*args)``.

    ``args``: the dataset, for stages that run per dataset, and then a Layout, if it is not the working directory's.
    """
    import_module(f"stages.{name}").main(*args)


def _prepare_stage() -> None:
    """Keep hold of all that the stage will start; raise DiskProblem where this checkout can't take its outputs."""
    adopt_orphans()
    for folder in ("manifests", "data"):
        check_writable(Path(folder))


def _add_stage(name: str, sentence: str, *, per_dataset: bool) -> None:
    if per_dataset:

        def run_for(dataset: Dataset) -> None:
            _prepare_stage()
            run_stage(name, dataset)

        app.command(name, help=sentence, rich_help_panel=_STAGES)(run_for)
    else:

        def run() -> None:
            _prepare_stage()
            run_stage(name)

        app.command(name, help=sentence, rich_help_panel=_STAGES)(run)


for _name, (_sentence, _per_dataset) in STAGES.items():
    if _name != "evaluate":  # has an option
        _add_stage(_name, _sentence, per_dataset=_per_dataset)


@app.command(help=STAGES["evaluate"][0], rich_help_panel=_STAGES)
def evaluate(
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Evaluate another method's pictures instead: <name>.png, 256x256, named as by 'facevox masked'."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for their metrics.json and faces.parquet.")] = Path("build/metrics"),
) -> None:
    """Run the stage, or evaluate another method's pictures, which leaves this run's metrics.json as it is."""
    if predictions is None:
        _prepare_stage()
        run_stage("evaluate")
    else:
        import_module("stages.commands.predictions").evaluate_pictures(predictions, out)


@app.command(rich_help_panel=_TOOLS)
def masked(
    to: Annotated[Path, typer.Option(help="The folder to make.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier one.")] = False,
) -> None:
    """Write the masked test faces and their masks for another method to inpaint."""
    from stages.commands.predictions import export_masked_faces

    export_masked_faces(to, force=force)


@app.command(rich_help_panel=_TOOLS)
def profile(
    names: Annotated[
        list[str] | None, typer.Argument(help="Profiles in profiles/, applied in the order given.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", "-S", help="section.key=value on top of them, value as YAML, or a path as it is typed."),
    ] = None,
    videos: Annotated[
        str | None, typer.Option("--input", help="The folder, or the table, of the only dataset; checked at once.")
    ] = None,
) -> None:
    """Apply profiles to params.yaml, comments kept, and print the changes."""
    from stages.commands.profile import apply_profiles

    print(apply_profiles(names or [], set_ or [], videos=videos))


@app.command(rich_help_panel=_TOOLS, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def repro(context: typer.Context) -> None:
    """Run all stages by 'dvc repro', with its arguments; goes on also where a kill left DVC's own files cut off."""
    from stages.commands.inputs import check_inputs_are_there
    from stages.commands.repro import run_dvc_repro

    check_inputs_are_there(context.args)
    raise typer.Exit(run_dvc_repro(context.args))


OneDataset = Annotated[str | None, typer.Option("--dataset", help="This dataset alone; without: all of params.yaml.")]


@app.command(rich_help_panel=_TOOLS)
def plan(
    dataset: OneDataset = None,
    mbit_s: Annotated[float, typer.Option(min=0.01, help="Picture and sound, 10^6 bits a second.")] = 3.0,
) -> None:
    """Show what the downloads will take: clips, addresses, hours, disk, time, and what is here already."""
    from stages.commands.plan import render_plan

    step_of = import_module("stages.download").step_of
    print(render_plan([dataset] if dataset else [], step_of, mbit_s=mbit_s))


@app.command(rich_help_panel=_TOOLS)
def retry(
    only: Annotated[str, typer.Option(help="The class of end, as 'facevox why' shows it, e.g. geo_blocked.")],
    dataset: OneDataset = None,
) -> None:
    """Forget the stored ends of one class, in all stages, so that the next run tries those items again."""
    from stages.commands.retry import remove_ends

    print(remove_ends(only, dataset))


@app.command(rich_help_panel=_TOOLS)
def status() -> None:
    """Show how many items each stage kept, and the drop reasons of the others."""
    from stages.commands.status import render_status

    print(render_status())


@app.command(rich_help_panel=_TOOLS)
def summary() -> None:
    """Show the results of a run: Table 1, the funnel, the evaluation's metrics, and the paths of all outputs."""
    from stages.commands.summary import render_summary

    print(render_summary())


@app.command(rich_help_panel=_TOOLS)
def why(
    item: Annotated[
        str | None, typer.Argument(help="A clip, face, segment or person; the dataset may be omitted.")
    ] = None,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="Of a dataset, or of all: what was dropped, by stage and reason.")
    ] = False,
    first: Annotated[int, typer.Option(min=1, help="With --dropped: how many of each reason.")] = 20,
) -> None:
    """Show an item's history: how it, and what was cut from it, ended in every stage; or what was dropped."""
    from stages.commands.status import render_drops, render_history

    if dropped:
        print(render_drops(item, first))
    elif item is None:
        raise BadInput("expected a clip, face, segment or person, or --dropped for a list of what was dropped")
    else:
        print(render_history(item))


@app.command(rich_help_panel=_TOOLS)
def sheet(
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("build/sheets"),
    all_faces: Annotated[bool, typer.Option("--all", help="All faces, not only the standard ones.")] = False,
) -> None:
    """Draw contact sheets of a dataset's faces."""
    from pipeline.face.crops.contact_sheets import draw_sheets

    for path in draw_sheets(dataset, out, standard_only=not all_faces):
        print(path)


Mask = Annotated[
    Path | None,
    typer.Option(
        help="Picture of the same size, white where to inpaint, grey at soft edges; or a copy of the source with the"
        " region erased. Without: eyes, nose and mouth."
    ),
]
Eyes = Annotated[
    str | None,
    typer.Option(
        help="Eye centres LEFT_X,LEFT_Y,RIGHT_X,RIGHT_Y in pixels, for a face that the detector does not find."
    ),
]
Network = Annotated[Path | None, typer.Option("--model", help="Another trained network than that of this checkout.")]


@app.command(rich_help_panel=_TOOLS)
def inpaint(
    source: Annotated[Path, typer.Argument(help="JPEG, PNG or video with a face that is partly masked.")],
    sound: Annotated[Path, typer.Argument(help="Sound or video with the voice of that person.")],
    out: Annotated[Path, typer.Option(help="The picture or mp4 to write; it is marked as synthetic.")],
    mask: Mask = None,
    eyes: Eyes = None,
    model: Network = None,
) -> None:
    """Inpaint the masked part of a face by the person's voice."""
    _inpaint(source, sound, out, mask, eyes, model)


@app.command(rich_help_panel=_TOOLS)
def swap(
    source: Annotated[Path, typer.Argument(help="JPEG, PNG or video with a whole face.")],
    sound: Annotated[Path, typer.Argument(help="Sound or video with the voice of another person.")],
    out: Annotated[Path, typer.Option(help="The picture or mp4 to write; it is marked as synthetic.")],
    model: Network = None,
) -> None:
    """Inpaint eyes, nose and mouth of a face by another person's voice."""
    _inpaint(source, sound, out, None, None, model)


def _inpaint(source: Path, sound: Path, out: Path, mask: Path | None, eyes: str | None, model: Path | None) -> None:
    from stages.commands.inpaint import inpaint_with_voice

    inpaint_with_voice(source, sound, out, mask, eyes, model)


@app.command(rich_help_panel=_TOOLS)
def convert(
    kind: Annotated[str, typer.Argument(help="Whose network files: audioface (the authors') or voice2face.")],
    source: Annotated[Path, typer.Argument(help="Their .pth, or a file of facevox for them; no code in it is run.")],
    out: Annotated[
        Path | None, typer.Option(help="The file to write; without: the same name here, other suffix.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
) -> None:
    """Convert a network file of the authors, G_*.pth or PD_*.pth, or of voice2face, to facevox's, and back."""
    from stages.commands.convert import convert_network

    print(convert_network(kind, source, out, force=force))


@app.command(rich_help_panel=_TOOLS)
def dictionary() -> None:
    """Print the data dictionary: every manifest with its columns."""
    from stages.commands.dictionary import render_dictionary

    print(render_dictionary(), end="")


@app.command(rich_help_panel=_TOOLS)
def doctor() -> None:
    """Check that this machine meets the requirements of a run."""
    from stages.commands.doctor import render_checks

    text, healthy = render_checks()
    print(text)
    if not healthy:
        raise typer.Exit(1)


app.add_typer(export, name="export", rich_help_panel=_TOOLS)
app.add_typer(lists, name="lists", rich_help_panel=_TOOLS)
app.add_typer(store, name="store", rich_help_panel=_TOOLS)


def main() -> None:
    """Run the command line; an error that the user can mend, or a signal, ends it with a message, not a traceback."""
    try:
        stop_on_signals()
        if DVC_STAGE in os.environ:
            stop_with_dvc()
        else:
            for sentence in mend_dvc_files(Path()):
                print(sentence, file=sys.stderr)
        app(prog_name="facevox")
    except Stopped as stopped:
        exit_stopped(stopped)
    except FacevoxError as error:
        _end(f"{type(error).__name__}: {error}")
    except Exception as error:
        problem = disk_problem(error)
        if problem is None:
            raise
        _end(f"{DiskProblem.__name__}: {problem}")


def _end(message: str) -> NoReturn:
    """Leave no process behind, say why, and exit with code 1."""
    end_descendants()
    with suppress(OSError):  # who read it may be gone
        print(message, file=sys.stderr, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
