"""Writes the C file that holds the files of the page: name, media type, entity tag, bytes."""

import hashlib
import pathlib
import sys

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
BYTES_MAX = 150_000  # of all files: a page that is read, not downloaded

paths = [pathlib.Path(name) for name in sys.argv[2:]]
bodies = [path.read_bytes() for path in paths]
total = sum(len(body) for body in bodies)
if total > BYTES_MAX:
    sys.exit(f"the page has {total} bytes, over {BYTES_MAX}")
with open(sys.argv[1], "w", encoding="utf-8") as out:
    out.write('#include "server/ui/ui_files.h"\n')
    for i, body in enumerate(bodies):
        out.write(f"\nstatic const unsigned char BODY_{i}[] = {{")
        for at, byte in enumerate(body):
            out.write(("\n    " if at % 20 == 0 else " ") + str(byte) + ",")
        out.write("\n};\n")
    out.write("\nconst struct rw_ui_file rw_ui_files[] = {\n")
    for i, (path, body) in enumerate(zip(paths, bodies, strict=True)):
        tag = hashlib.sha256(body).hexdigest()[:16]
        out.write(
            f'    {{"{path.name}", "{TYPES[path.suffix]}", "\\"{tag}\\"",'
            f" {{(const char *)BODY_{i}, sizeof BODY_{i}}}}},\n"
        )
    out.write(f"}};\n\nconst size_t rw_ui_files_count = {len(paths)};\n")
