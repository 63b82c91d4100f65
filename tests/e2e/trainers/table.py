"""What each client's own code did: a row for each, printed when the tests end."""

COLUMNS = ("same bits", "400", "429", "503", "empty", "over-long", "null")
ROWS = {}


def note(client, **found):
    """found: same_bits="3 traces", s400="raises after 5 tries", ... (s for status)."""
    row = ROWS.setdefault(client, {})
    for name, what in found.items():
        column = (
            name[1:] if name[1:].isdigit() else name.replace("_", " ").replace("over l", "over-l")
        )
        assert column in COLUMNS, column
        row[column] = what


def text():
    head = ["client", *COLUMNS]
    lines = [[name, *(row.get(c, "") for c in COLUMNS)] for name, row in ROWS.items()]
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    every = [head, ["-" * width for width in widths], *lines]
    return "\n".join(
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in every
    ) + "\n"  # fmt: skip
