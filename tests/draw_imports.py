"""Draw which folder imports which: ``python -m tests.draw_imports`` writes docs/imports.svg."""

from tests.test_contract import LAYERS, ROOT, SOURCES, imports_of, name_of

FILE = ROOT / "docs/imports.svg"
CELL_PX, LEFT_PX, TOP_PX = 13, 210, 8
COLOURS = {"pipeline": "#2f7f86", "model": "#a0552d", "stages": "#5b4b9a"}


def render() -> str:
    """Return the drawing: a row for each folder, the lowest first, and a square in the column of each that it imports.

    Columns have the order of rows, so imports that point down are left of the diagonal.
    """
    folders = [one for one in LAYERS if one != "pipeline"]  # which has no modules
    pairs = {(name_of(path.parent), name_of(file.parent)) for path in SOURCES for file in imports_of(path)}
    side = LEFT_PX + CELL_PX * (len(folders) + 1)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side - LEFT_PX + TOP_PX}" font-size="10"'
        ' font-family="system-ui, sans-serif" role="img" aria-label="Which folder imports which">',
        f'<rect width="{side}" height="{side - LEFT_PX + TOP_PX}" fill="#ffffff"/>',
    ]
    for row, importer in enumerate(folders):
        y = TOP_PX + CELL_PX * row
        colour = COLOURS[importer.partition("/")[0]]
        lines.append(f'<text x="{LEFT_PX - 6}" y="{y + 9}" text-anchor="end" fill="#333">{importer}</text>')
        lines.append(f'<rect x="{LEFT_PX}" y="{y}" width="{CELL_PX * (row + 1) - 2}" height="11" fill="#f1f3f4"/>')
        for column, imported in enumerate(folders):
            if (importer, imported) in pairs:
                fill = colour if importer != imported else "#9aa5aa"
                title = f"<title>{importer} imports {imported}</title>"
                x = LEFT_PX + CELL_PX * column
                lines.append(f'<rect x="{x}" y="{y}" width="11" height="11" fill="{fill}">{title}</rect>')
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
