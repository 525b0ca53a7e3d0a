"""Open the training split as a training does: write its files, map them, and read some rows of each kind."""

from model.data.split import open_split
from pipeline.core.base.cache import cache_folder
from pipeline.core.base.layout import Layout
from pipeline.core.records.person import TRAIN

N_READ = 100


def main() -> None:
    """Print the summary of the split."""
    split = open_split(Layout(), cache_folder() / "items", split=TRAIN, standard_only=False)
    for row in range(min(N_READ, split.n_faces, split.n_segments)):
        split.face(row), split.label(row), split.log_mel(row)
    print(split.summary())


if __name__ == "__main__":
    main()
