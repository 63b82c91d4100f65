"""Writes the C file that holds proto/openapi.json, which is the truth about the wire."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as source:
    text = json.dumps(json.load(source), ensure_ascii=True, separators=(",", ":")) + "\n"
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.write('#include "server/openapi.h"\n\nstatic const char DOCUMENT[] = {')
    for i, byte in enumerate(text.encode()):
        out.write(("\n    " if i % 20 == 0 else " ") + str(byte) + ",")
    out.write(
        "\n};\n\nstruct rw_str rw_openapi_document(void)\n{\n"
        "    return (struct rw_str){DOCUMENT, sizeof DOCUMENT};\n}\n"
    )
