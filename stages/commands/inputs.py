"""Check the inputs of all sources before DVC runs any stage."""

from collections.abc import Sequence

from pipeline.core.base.params import PARAMS_FILE, read_params
from pipeline.sources.kinds import check_input

_NO_CHECK = {"-s", "--single-item", "-h", "--help"}


def check_inputs_are_there(arguments: Sequence[str]) -> None:
    """Raise BadInput where an input that ``dvc repro`` with ``arguments`` would ask for is not there.

    The ``sources`` stage would say the same, but DVC may run other datasets' stages first.
    """
    if not PARAMS_FILE.is_file() or _NO_CHECK.intersection(arguments):
        return
    params = read_params()
    sources = params.get("sources")
    if not isinstance(sources, dict):
        return
    has_targets = any(not one.startswith("-") for one in arguments)
    for dataset, section in sources.items():
        if not has_targets or dataset in (params.get("datasets") or []):
            check_input(str(dataset), section)
