#!/usr/bin/env python3
"""Differential test: our tokenizer against Hugging Face tokenizers, id by id.

    tokenizer_diff.py --driver BUILD/tests/tok-encode FOLDER... [--count 10000] [--seed 1]

FOLDER holds a tokenizer.json. Zero differences is the requirement; every difference is printed and
the exit status is 1. The strings: naughty strings, reasoning steps of public data ($REWARDD_DATA),
mixed scripts over all planes, combining marks, white space, contractions, added tokens glued to
text, and random bytes made UTF-8. Trusted mode must equal encode(), untrusted mode encode() with
encode_special_tokens.
"""

import argparse
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import unicodedata

from tokenizers import Tokenizer

SCALARS = [(0, 0xD7FF), (0xE000, 0x10FFFF)]
SPACES = [c for c in range(0x3001) if chr(c).isspace() or c in (0x200B, 0x180E, 0xFEFF)]
BLOCKS = [
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x250, 0x2AF),
    (0x300, 0x36F),
    (0x370, 0x3FF),
    (0x400, 0x52F),
    (0x590, 0x5FF),
    (0x600, 0x6FF),
    (0x900, 0x97F),
    (0x980, 0x9FF),
    (0xB80, 0xBFF),
    (0xE00, 0xE7F),
    (0xF00, 0xFFF),
    (0x1000, 0x109F),
    (0x1100, 0x11FF),
    (0x1200, 0x137F),
    (0x1780, 0x17FF),
    (0x1E00, 0x1EFF),
    (0x1F00, 0x1FFF),
    (0x2000, 0x206F),
    (0x2070, 0x209F),
    (0x20A0, 0x20CF),
    (0x2100, 0x214F),
    (0x2150, 0x218F),
    (0x2190, 0x21FF),
    (0x2200, 0x22FF),
    (0x2460, 0x24FF),
    (0x2500, 0x257F),
    (0x2600, 0x26FF),
    (0x2A00, 0x2AFF),
    (0x3000, 0x30FF),
    (0x3130, 0x318F),
    (0x3200, 0x32FF),
    (0x4E00, 0x9FFF),
    (0xA000, 0xA48F),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF),
    (0xFB00, 0xFB4F),
    (0xFE00, 0xFE0F),
    (0xFE70, 0xFEFF),
    (0xFF00, 0xFFEF),
    (0x10000, 0x1007F),
    (0x10400, 0x1044F),
    (0x11000, 0x1107F),
    (0x1D100, 0x1D1FF),
    (0x1D400, 0x1D7FF),
    (0x1E900, 0x1E95F),
    (0x1F300, 0x1F6FF),
    (0x1F900, 0x1F9FF),
    (0x20000, 0x2A6DF),
    (0x2F800, 0x2FA1F),
    (0xE0000, 0xE007F),
]


def data_folder():
    default = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"
    return pathlib.Path(os.environ.get("REWARDD_DATA", default))


def collect_strings(value, out):
    if isinstance(value, str):
        out.append(value)
    elif isinstance(value, dict):
        for item in value.values():
            collect_strings(item, out)
    elif isinstance(value, list):
        for item in value:
            collect_strings(item, out)


def naughty_strings():
    vectors = pathlib.Path(__file__).resolve().parents[1] / "vectors"
    return json.loads((vectors / "malformed" / "blns" / "blns.json").read_text())


def real_steps(rng, limit):
    out = []
    for name in ("gsm8k", "prm800k_phase1", "processbench", "bigbench_mistake"):
        for path in sorted((data_folder() / name).glob("*.json*")):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            for line in rng.sample(lines, min(len(lines), limit)):
                try:
                    collect_strings(json.loads(line), out)
                except ValueError:
                    pass
    return out


class Maker:
    """Random strings; every kind stresses one part of the tokenizer."""

    def __init__(self, rng, texts, added):
        self.rng = rng
        self.texts = [t for t in texts if t]
        self.added = added or ["<|none|>"]
        self.marks = [c for c in range(0x20000) if unicodedata.combining(chr(c))]
        self.composed = [
            c
            for c in range(0x30000)
            if unicodedata.decomposition(chr(c))
            and not unicodedata.decomposition(chr(c)).startswith("<")
        ]
        self.kinds = [
            self.scalars,
            self.scripts,
            self.one_script,
            self.marked,
            self.hangul,
            self.spaces,
            self.contractions,
            self.numbers,
            self.bytes,
            self.glued,
            self.cut_text,
            self.mangled,
            self.repeated,
        ]

    def make(self):
        return self.rng.choice(self.kinds)()

    def code(self):
        low, high = self.rng.choices(SCALARS, weights=[1, 3])[0]
        return chr(self.rng.randint(low, high))

    def of_block(self, block):
        return chr(self.rng.randint(*block))

    def scalars(self):
        return "".join(self.code() for _ in range(self.rng.randint(1, 40)))

    def scripts(self):
        return "".join(
            self.of_block(self.rng.choice(BLOCKS)) for _ in range(self.rng.randint(1, 80))
        )

    def one_script(self):
        block = self.rng.choice(BLOCKS)
        words = [
            "".join(self.of_block(block) for _ in range(self.rng.randint(1, 12)))
            for _ in range(self.rng.randint(1, 8))
        ]
        return self.rng.choice(["", " ", "\n", "  "]) + self.rng.choice([" ", "\t", "-"]).join(
            words
        )

    def marked(self):
        out = []
        for _ in range(self.rng.randint(1, 20)):
            out.append(
                self.rng.choice(
                    ["e", "A", " ", "\u0b47", self.code(), "q", chr(self.rng.choice(self.composed))]
                )
            )
            if self.rng.random() < 0.5:
                out.append(
                    self.rng.choice(
                        [unicodedata.normalize("NFD", chr(self.rng.choice(self.composed)))]
                    )
                )
            out += [chr(self.rng.choice(self.marks)) for _ in range(self.rng.randint(0, 5))]
        return "".join(out)

    def hangul(self):
        rng = self.rng
        pick = [
            lambda: chr(rng.randint(0x1100, 0x1112)),
            lambda: chr(rng.randint(0x1161, 0x1175)),
            lambda: chr(rng.randint(0x11A7, 0x11C2)),
            lambda: chr(rng.randint(0xAC00, 0xD7A3)),
            lambda: chr(rng.randint(0x1100, 0x11FF)),
            lambda: " ",
        ]
        return "".join(rng.choice(pick)() for _ in range(rng.randint(1, 30)))

    def spaces(self):
        parts = [
            chr(self.rng.choice(SPACES))
            if self.rng.random() < 0.3
            else self.rng.choice(
                [" ", "\n", "\r", "\t", "\r\n", "  ", "a", "B.", "?", "9", "\u2581"]
            )
            for _ in range(self.rng.randint(1, 30))
        ]
        return "".join(parts)

    def contractions(self):
        ends = [
            "s",
            "S",
            "\u017f",
            "t",
            "T",
            "re",
            "RE",
            "Re",
            "ve",
            "m",
            "M",
            "ll",
            "lL",
            "d",
            "x",
            "l",
            "r",
            "",
            "\u017ft",
            "\ufb06",
            "\u0131",
            "\u212a",
            "v",
            "le",
            "\u1e9e",
        ]
        return "".join(
            self.rng.choice(["it", "we", "", " ", "'", "9", "\n"])
            + self.rng.choice(["'", "\u2019", "''", " '"])
            + self.rng.choice(ends)
            for _ in range(self.rng.randint(1, 12))
        )

    def numbers(self):
        digits = "0123456789" + "\u0660\u0967\u00bd\u2163\u3007\u4e00\uff11\U0001d7d8\u00b2"
        return "".join(
            self.rng.choice(list(digits) + [" ", ",", ".", "-", "x", "\n", "$", "%"])
            for _ in range(self.rng.randint(1, 60))
        )

    def bytes(self):
        raw = bytes(self.rng.randrange(256) for _ in range(self.rng.randint(1, 120)))
        return raw.decode("utf-8", errors=self.rng.choice(["replace", "ignore"]))

    def glued(self):
        out = []
        for _ in range(self.rng.randint(1, 6)):
            token = self.rng.choice(self.added)
            if self.rng.random() < 0.3:
                token = token[: self.rng.randint(0, len(token))]
            out += [
                self.rng.choice(["", " ", "x", "  \n", "\u00e9", "\u0301", "\u3000", "_"]),
                token,
            ]
        return "".join(out) + self.rng.choice(["", " ", "end", " end", "\n"])

    def cut_text(self):
        text = self.rng.choice(self.texts)
        start = self.rng.randrange(len(text))
        return text[start : start + self.rng.randint(1, 400)]

    def mangled(self):
        text = list(self.cut_text())
        for _ in range(self.rng.randint(1, 6)):
            text.insert(
                self.rng.randint(0, len(text)),
                self.rng.choice(
                    [
                        self.code(),
                        self.rng.choice(self.added),
                        self.of_block(self.rng.choice(BLOCKS)),
                        " ",
                        "\n",
                        chr(self.rng.choice(self.marks)),
                    ]
                ),
            )
        return "".join(text)

    def repeated(self):
        unit = self.rng.choice(
            [
                "a",
                " ",
                "\n",
                "ab",
                "=",
                "9",
                "\u00e9",
                "\u2581",
                self.code(),
                "aA",
                "\r\n",
                "\U0001f600",
                "ha",
                "\u0301\u0323",
            ]
        )
        return unit * self.rng.randint(1, 300)


def ours(driver, folder, texts, mode):
    payload = b"".join(struct.pack("<I", len(t)) + t for t in texts)
    done = subprocess.run([driver, folder, mode], input=payload, stdout=subprocess.PIPE, check=True)
    out, at = [], 0
    for _ in texts:
        (count,) = struct.unpack_from("<I", done.stdout, at)
        ids = struct.unpack_from(f"<{count}i", done.stdout, at + 4)
        ends = struct.unpack_from(f"<{count}I", done.stdout, at + 4 + 4 * count)
        out.append((list(ids), list(ends)))
        at += 4 + 8 * count
    assert at == len(done.stdout)
    return out


def check_ends(text, ends):
    return all(a <= b for a, b in zip(ends, ends[1:])) and (not ends or ends[-1] <= len(text))


def compare(tokenizer, driver, folder, texts, mode, shown):
    tokenizer.encode_special_tokens = mode == "untrusted"
    wrong = 0
    raw = [t.encode("utf-8") for t in texts]
    for text, (ids, ends) in zip(texts, ours(driver, folder, raw, mode)):
        want = tokenizer.encode(text, add_special_tokens=False).ids
        if ids == want and check_ends(text.encode("utf-8"), ends):
            continue
        wrong += 1
        if wrong <= shown:
            print(
                f"  differs: {ascii(text)[:300]}\n    reference {want[:60]}\n"
                f"    ours      {ids[:60]}"
            )
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--driver", required=True)
    parser.add_argument("--count", type=int, default=10000, help="random strings per folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    naughty = naughty_strings()
    steps = real_steps(rng, 150)
    total_wrong = 0
    for folder in options.folders:
        tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        added = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
        maker = Maker(rng, steps + naughty + ["The quick brown fox."], added)
        texts = ["", *naughty, *steps, *(maker.make() for _ in range(options.count))]
        for mode in ("trusted", "untrusted"):
            wrong = compare(tokenizer, options.driver, folder, texts, mode, options.show)
            print(
                f"{folder}: {mode}: {len(texts)} strings ({len(naughty)} naughty, {len(steps)} "
                f"real), {wrong} differences"
            )
            total_wrong += wrong
    return 1 if total_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
