"""Labels of plain short traces derived again, from their text, by other code; that nothing but the
error tells right from wrong; that held-out wordings stay out."""

from __future__ import annotations

import random
import re
import sys
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rewardd_recipe import gold, gsm8k, prose
from rewardd_recipe.families import plain, plain_tasks, plain_words, words
from rewardd_recipe.families.notation import WORDS
from rewardd_recipe.mixture import plain_trace

ROUNDS = 3000
SPOKEN = {"plus": "+", "minus": "-", "times": "*", "multiplied by": "*", "divided by": "/"}
NUMBER = r"-?\d[\d,]*(?:\.\d+)?"
SUM = re.compile(rf"({NUMBER}(?: ?[-+*/] ?\(?{NUMBER}\)?)+) ?(=|≈) ?({NUMBER}(?:/\d+)?)")


def signs(text: str) -> str:
    """A line with ASCII signs, whatever its notation."""
    text = text.lower()
    for name, sign in SPOKEN.items():
        text = text.replace(name, sign)
    for value, name in sorted(enumerate(WORDS), key=lambda p: -len(p[1])):
        text = re.sub(rf"\b{name}\b", str(value), text)
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"\1 / \2", text)
    for mark, sign in (("−", "-"), ("×", "*"), ("·", "*"), ("÷", "/"), ("\\times", "*")):
        text = text.replace(mark, sign)
    text = text.replace("\\cdot", "*").replace("\\div", "/").replace("\n", " ")
    text = re.sub(r"(?<=\d) ?x ?(?=\d)", " * ", text)
    text = re.sub(
        rf"\b(is equal to|is about|comes to|equals|makes|gives|is|->)(?= ?{NUMBER})", "=", text
    )
    return re.sub(r"[$`]|\\[()]|\*\*", "", text)


def value(text: str) -> Fraction:
    plain_text = re.sub(r"(?<![\d.])0+(?=\d)", "", text.replace(",", ""))
    return eval(re.sub(r"(\d+(?:\.\d+)?)", r"Fraction('\1')", plain_text), {"Fraction": Fraction})


def equations(text: str) -> list[tuple[Fraction, str, Fraction]]:
    """The sums of a line: (left, sign, right). A line with other signs beside them has none."""
    line = signs(text)
    if re.search(r"[%^²³]|sqrt|mod|squared|cubed|power|percent|cm|m/|/m|\d ?: ?\d", line):
        return []
    out = []
    for m in SUM.finditer(line):
        try:
            out.append((value(m[1]), m[2], value(m[3])))
        except (SyntaxError, ZeroDivisionError, TypeError):
            continue
    return out


def agrees(left: Fraction, right: Fraction) -> bool:
    """Exact, or right to the two or three decimals that are written."""
    return left == right or (
        (right * 1000).denominator == 1 and abs(left - right) <= Fraction(1, 200)
    )


def test_sums_of_right_steps_are_true_and_slips_are_not() -> None:
    rng = random.Random(41)
    right = wrong = 0
    for i in range(2 * ROUNDS):
        trace = plain_trace(rng, i % 4 == 3)
        if trace.template in ("plain_linear", "plain_compare", "plain_verify", "plain_chain"):
            continue
        first = trace.first_error()
        for j, step in enumerate(trace.steps[: first + 1 if first >= 0 else None]):
            found = equations(step.text)
            if len(found) != 1 or signs(step.text).count("=") != 1:
                continue
            (left, _, said) = found[0]
            if j != first:
                assert agrees(left, said), (trace.question, step.text)
                right += 1
            elif trace.error == "slip" and len(trace.steps) > 0 and ". " not in step.text:
                assert left != said, (trace.question, step.text)
                wrong += 1
    assert right > ROUNDS / 2 and wrong > ROUNDS / 10, (right, wrong)


def test_the_checker_wants_the_operands_of_the_question() -> None:
    two = Fraction(2)
    task = plain.Task("What is 2 * 3?", [plain.Line("*", (two, Fraction(3)))], "direct")
    args = (two, Fraction(3))
    assert plain.holds(task, 0, "*", args, Fraction(6))
    assert plain.holds(task, 0, "*", args[::-1], Fraction(6))
    assert not plain.holds(task, 0, "*", args, Fraction(7))
    assert not plain.holds(task, 0, "+", (two, Fraction(4)), Fraction(6))  # true, and not asked
    task.bound = False
    assert plain.holds(task, 0, "+", (two, Fraction(4)), Fraction(6))
    assert not plain.holds(task, 0, "/", (two, Fraction(0)), Fraction(6))


def test_linear_lines_hold_for_the_root() -> None:
    """ "a x + b = c" of a right step, solved from the text."""
    rng, checked = random.Random(42), 0
    for _ in range(ROUNDS):
        trace = plain_words.linear(rng, False)
        root = next((s for s in trace.steps if s.valid), None)
        if trace.first_error() >= 0 or root is None:
            continue
        letter = re.search(r"(?<![a-z])([xynabtz])(?![a-z]).*=|=.*\b([xynabtz])\b", trace.question)
        said = [re.search(r"(?<![\d*])([xynabtz]) ?= ?(-?\d+)\.?$", s.text) for s in trace.steps]
        values = {m[2] for m in said if m}
        assert len(values) <= 1, [s.text for s in trace.steps]
        checked += letter is not None and len(values) == 1
    assert checked > ROUNDS / 10


def test_right_and_wrong_are_drawn_alike() -> None:
    """Half are clean, and neither length nor the words around the sums say which."""
    rng = random.Random(43)
    made = [plain_trace(rng) for _ in range(4 * ROUNDS)]
    clean = [t for t in made if t.first_error() < 0]
    assert 0.45 < len(clean) / len(made) < 0.58
    for feature in (
        lambda t: len(t.question),
        lambda t: len(t.steps),
        lambda t: any("let me" in s.text.lower() for s in t.steps),
        lambda t: any("right" in s.text.lower() for s in t.steps),
    ):
        sides = [
            sum(feature(t) for t in part) / len(part)
            for part in (clean, [t for t in made if t.first_error() >= 0])
        ]
        assert abs(sides[0] - sides[1]) <= 0.2 * max(sides), sides


def test_held_out_wordings_stay_out() -> None:
    rng = random.Random(44)
    trained = " ".join(
        text
        for t in (plain_trace(rng) for _ in range(2 * ROUNDS))
        for text in (t.question, *(s.text for s in t.steps))
    )
    for phrase in ("Determine", "whats", "comes out as", "We end up with", "Somebody wrote"):
        assert phrase not in trained, phrase
    held = " ".join(plain_trace(rng, True).question for _ in range(ROUNDS))
    assert "whats" in held and "Somebody wrote" in held


def test_a_drill_marks_the_digit_that_is_wrong() -> None:
    rng, digits = random.Random(45), 0
    for _ in range(ROUNDS // 10):
        tasks = [plain_tasks.direct(rng, False) for _ in range(8)]
        trace = plain.drill(rng, tasks)
        assert trace.prefix_labels() == [int(s.valid) for s in trace.steps]
        for step in trace.steps:
            if step.truth is not None:
                assert step.text[step.wrong_end] != step.truth
                digits += 1
    assert digits > ROUNDS / 10


def test_prose_derives_nothing_and_its_control_does() -> None:
    rng = random.Random(46)
    for _ in range(ROUNDS // 5):
        program = words.build(rng)
        if len(program.derived()) > 1:
            trace = prose.unsupported(rng, program)
            said = trace.first_error()
            assert said >= 0 and said >= len(trace.steps) - 2
        control = prose.supported(rng, words.build(rng))
        assert (control.first_error() >= 0) == (control.error == "slip")


def test_the_wrong_twin_of_a_solution_has_one_false_sum() -> None:
    text = "She has 48/2 = <<48/2=24>>24 left.\nThen 24*3 = <<24*3=72>>72 in all.\n#### 72"
    problem = gsm8k.parse_problem(1, "A question?", text)
    assert problem is not None
    rng = random.Random(47)
    for _ in range(200):
        trace = gold.make(rng, [problem])
        for step in trace.steps:
            sums = [value(m[1]) == value(m[3]) for m in SUM.finditer(signs(step.text))]
            assert all(sums) == (step.valid or trace.error == "conclusion"), step.text
