"""The labels, derived a second time from the text alone, by code that shares nothing with the
generator's checker."""

from __future__ import annotations

import random
import re
import sys
from fractions import Fraction
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rewardd_recipe import gsm8k, shortcuts, vary
from rewardd_recipe.families import (
    algebra,
    basen,
    chains,
    countdown,
    drills,
    equations,
    relations,
    scenes,
    states,
    words,
)
from rewardd_recipe.mixture import CALIBRATION, HELD_OUT, own_trace
from rewardd_recipe.program import write

ROUNDS = 400


def plain_math(text: str) -> str:
    """LaTeX and typographic arithmetic as plain infix."""
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", text)
    for old, new in (
        ("\\times", "*"),
        ("\\cdot", "*"),
        ("\\div", "/"),
        ("×", "*"),
        ("÷", "/"),
        (" x ", " * "),
        ("\\$", ""),
        ("$", ""),
        (",", ""),
        ("\\(", " "),
        ("\\)", " "),
        ("\\[", " "),
        ("\\]", " "),
    ):
        text = text.replace(old, new)
    return re.sub(r"(?<=\d) [a-z][a-z ]*(?= [-+*/=])", "", text)  # units


EQUATION = re.compile(
    r"(?=[\d(])([\d.()+\-*/ ]*\d\)*\s*[+\-*/][\d.()+\-*/ ]*?)=\s*([\d.()+\-*/ ]+)"
)


def false_equations(text: str) -> int:
    """How many written-out equalities between numbers do not hold (allowing rounding to two
    decimals)."""
    bad = 0
    for left, right in EQUATION.findall(plain_math(text)):
        left, right = left.strip(), right.strip().rstrip(". ")
        try:
            a, b = exact(left), exact(right)
        except (SyntaxError, ZeroDivisionError, IndexError):
            continue
        bad += abs(a - b) > Fraction(1, 200)
    return bad


def exact(text: str) -> Fraction:
    """A recursive-descent evaluator: + - * / and parentheses."""
    tokens = re.findall(r"\d+\.?\d*|[-+*/()]", text)
    value = add(tokens)
    if tokens:
        raise SyntaxError(text)
    return value


def add(t: list[str]) -> Fraction:
    value = mul(t)
    while t and t[0] in "+-":
        value = value + mul(t) if t.pop(0) == "+" else value - mul(t)
    return value


def mul(t: list[str]) -> Fraction:
    value = atom(t)
    while t and t[0] in "*/":
        value = value * atom(t) if t.pop(0) == "*" else value / atom(t)
    return value


def atom(t: list[str]) -> Fraction:
    head = t.pop(0)
    if head == "(":
        value = add(t)
        t.pop(0)
        return value
    if head == "-":
        return -atom(t)
    if not head[0].isdigit():
        raise SyntaxError(head)
    return Fraction(head)


@pytest.mark.parametrize("maker", [words.make, chains.make, relations.make, scenes.make])
def test_arithmetic_of_valid_steps_holds_and_slips_do_not(maker) -> None:
    rng = random.Random(11)
    slips = seen = 0
    for _ in range(ROUNDS):
        trace = maker(rng)
        first = trace.first_error()
        for _i, step in enumerate(trace.steps[: first if first >= 0 else None]):
            assert false_equations(step.text) == 0, step.text
        if trace.error == "slip":
            seen += 1
            slips += false_equations(trace.steps[first].text) > 0
    assert (
        seen > 20 and slips > 0.8 * seen
    )  # a slip in a unit-laden equation may escape the plain parser


def test_clean_traces_are_clean_and_planted_errors_are_found() -> None:
    rng = random.Random(12)
    for _ in range(3 * ROUNDS):
        trace = own_trace(rng)
        assert (trace.first_error() >= 0) == bool(trace.error)


def test_stack_steps_rerun() -> None:
    rng = random.Random(13)
    pairs = {")": "(", "]": "[", "}": "{", ">": "<"}
    for _ in range(ROUNDS):
        trace = states.stacks(rng)
        word = trace.question.split(": ", 1)[1].split()
        stack: list[str] = []
        for i, ch in enumerate(word):
            if i >= len(trace.steps):
                break
            if ch in pairs:
                assert stack.pop() == pairs[ch]
            else:
                stack.append(ch)
            right = f"{ch} ; stack: {' '.join(stack) or 'empty'}"
            assert trace.steps[i].valid == (trace.steps[i].text == right)
            if not trace.steps[i].valid:
                break


def test_countdown_steps_rerun() -> None:
    rng = random.Random(14)
    for _ in range(ROUNDS):
        trace = countdown.make(rng)
        have = sorted(map(int, re.findall(r"\d+", trace.question.split(" to make ")[0])))
        for step in trace.steps:
            m = re.match(
                r"(\d+) ([-+*/]) (\d+) = (-?\d+)[ .(]+(?:left|Numbers left): ([\d ]+)", step.text
            )
            if m is None:
                continue
            a, b, r = int(m[1]), int(m[3]), int(m[4])
            pool, ok = list(have), True
            for x in (a, b):
                ok = ok and x in pool
                if x in pool:
                    pool.remove(x)
            ok = (
                ok
                and exact(f"{a}{m[2]}{b}") == r
                and sorted(map(int, m[5].split())) == sorted(pool + [r])
            )
            assert step.valid == ok, (trace.question, step.text)
            if not ok:
                break
            have = sorted(pool + [r])


def test_linear_steps_keep_the_root() -> None:
    rng = random.Random(15)
    for _ in range(ROUNDS):
        trace = equations.make(rng)
        var = re.search(
            r"(?<![a-z])([xynabt])(?![a-z])",
            re.sub(r"(Solve|for|Find|If|if|what|is)", " ", trace.question),
        )
        assert var is not None
        first = sides(trace.question, var[1])
        root = Fraction(first[3] - first[1]) / (first[0] - first[2])
        for step in trace.steps:
            if step.valid:
                a, b, c, d = sides(step.text, var[1])
                assert a * root + b == c * root + d, (trace.question, step.text)


def sides(text: str, var: str) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """(a, b, c, d) of the last "a x + b = c x + d" in the text."""
    text = text.replace("\\boxed{", "").replace("}", "").replace("$", "")
    term = rf"(?:\d+(?:\.\d+|/\d+)?{var}?|{var})(?![a-z])"
    side = rf"-?{term}(?: [+-] {term})*"
    m = re.findall(rf"({side}) = ({side})", text)[-1]
    out: list[Fraction] = []
    for part in m:
        coef = const = Fraction(0)
        for sign, body in re.findall(rf"(-|\+|^) ?({term})", part):
            s = -1 if sign == "-" else 1
            if body.endswith(var):
                coef += s * Fraction(body[:-1] or 1)
            else:
                const += s * Fraction(body)
        out += [coef, const]
    return tuple(out)


def test_base_additions_end_right_when_clean() -> None:
    rng = random.Random(16)
    for _ in range(ROUNDS):
        trace = basen.make(rng)
        a, b, base = re.match(r"Add (\d+) and (\d+) in base (\d)", trace.question).groups()
        said = re.search(r"(\d+)\.$", trace.steps[-1].text)[1]
        right = int(a, int(base)) + int(b, int(base)) == int(said, int(base))
        assert trace.outcome == right
        if trace.first_error() < 0:
            assert right


def test_shortcut_answers() -> None:
    """Shortcut traces state the right answer; the honest kinds have no invalid step, the others
    have one."""
    rng = random.Random(17)
    honest = {"hint_ignored", "restated", "filler", "decorative"}
    for kind in shortcuts.KINDS:
        for _ in range(60):
            trace = shortcuts.make(rng, words.build(rng), kind)
            if kind in honest:
                assert trace.first_error() < 0
                assert trace.outcome
            elif kind != "number_matching":
                assert trace.first_error() >= 0


def test_held_out_templates_stay_out() -> None:
    rng = random.Random(18)
    held = {t.name for t in words.TEMPLATES if t.held_out}
    assert len(held) >= 6
    seen = {own_trace(rng).template for _ in range(6 * ROUNDS)}
    assert not seen & (held | {"ledger", "systems", "held"})
    assert {maker(rng).template for maker in HELD_OUT.values() for _ in range(40)} >= {
        "ledger",
        "systems",
        "held",
    }


def test_drill_lines_stand_alone_and_say_where_they_go_wrong() -> None:
    """Each line is judged by evaluating its text anew; a wrong line's offset points at its first
    wrong digit."""
    rng = random.Random(19)
    checked = 0
    for _ in range(ROUNDS):
        trace = drills.sums(rng, ["They have {eq} apples now."])
        assert trace.prefix_labels() == [int(s.valid) for s in trace.steps]
        for step in trace.steps:
            found = EQUATION.findall(plain_math(step.text))
            if len(found) != 1 or "/" in found[0][0]:
                continue
            checked += 1
            assert step.valid == (false_equations(step.text) == 0), step.text
            if step.truth is not None:
                assert step.text[step.wrong_end] != step.truth[0], step.text
    assert checked > 5 * ROUNDS


def problem(question: str, answer: str) -> gsm8k.Problem:
    parsed = gsm8k.parse_problem(1, question, answer)
    assert parsed is not None
    return parsed


def test_a_true_result_with_three_decimals_is_written_in_full_and_right() -> None:
    """Such a result used to be rounded and then called wrong."""
    p = problem(
        "A bug of 5 grams loses 1 gram in 8 days. How much is that in a day?",
        "It loses 1/8=<<1/8=0.125>>0.125 grams a day.\n#### 0.125",
    )
    rng = random.Random(20)
    for _ in range(40):
        trace = write(rng, gsm8k.build(rng, p, False), 0.0)
        assert trace.first_error() < 0 and trace.outcome
        assert any("0.125" in s.text for s in trace.steps), [s.text for s in trace.steps]


def test_numbers_named_before_they_are_derived_follow_the_new_numbers() -> None:
    p = problem(
        "Dawn has 48 cards in 12 packs. How many are in a pack?",
        "There are 4 cards in a pack because 48/12=<<48/12=4>>4.\n#### 4",
    )
    rng = random.Random(21)
    for _ in range(40):
        trace = write(rng, gsm8k.build(rng, p, True), 0.0)
        body = " ".join(s.text for s in trace.steps)
        named = re.search(r"(\d+) cards in a pack", body)
        total = re.search(r"Dawn has (\d+)", trace.question)
        assert Fraction(named[1]) == Fraction(total[1]) / 12, (trace.question, body)


def test_number_matching_without_a_number_in_the_question() -> None:
    p = problem(
        "A week has how many days off if two thirds of six are?",
        "There are 2/3*6=<<2/3*6=4>>4 days off.\n#### 4",
    )
    trace = shortcuts.make(
        random.Random(22), gsm8k.build(random.Random(1), p, False), "number_matching"
    )
    assert trace.first_error() >= 0


def test_calibration_wording_is_neither_trained_on_nor_held_out() -> None:
    rng = random.Random(23)
    made = [maker(rng) for maker in CALIBRATION.values() for _ in range(ROUNDS)]
    templates = {t.template for t in made}
    assert len(templates) >= 25
    known = {t.name for t in words.TEMPLATES} | {own_trace(rng).template for _ in range(3 * ROUNDS)}
    assert not templates & known
    assert all((t.first_error() >= 0) == bool(t.error) for t in made)
    for trace in made:
        first = trace.first_error()
        for step in trace.steps[: first if first >= 0 else None]:
            assert false_equations(step.text) == 0, step.text


def test_algebra_values_are_what_the_letters_say() -> None:
    """Every "letter = number" and every written sum of a valid step, from the text alone."""
    rng = random.Random(24)
    for _ in range(2 * ROUNDS):
        trace = algebra.make(rng)
        first = trace.first_error()
        for i, step in enumerate(trace.steps):
            sums = re.findall(
                r"((?:-?\d+(?:/\d+)? [-+*/] -?\d+(?:/\d+)?)) = (-?[\d./]+?)\.?$", step.text
            )
            for left, right in sums:
                if step.valid:
                    assert exact(left) == exact(right), step.text
                elif i == first:
                    assert abs(exact(left) - exact(right)) > 0, step.text


def test_swap_drills_rerun() -> None:
    rng = random.Random(25)
    for _ in range(ROUNDS):
        step = states.swap_drill(rng)
        before, a, b, after = re.match(
            r"(?:At the start: )?(.*)\. (\w+) and (\w+) swap(?:: |, so )(.*)\.$", step.text
        ).groups()
        was, now = (dict(pair.split(": ") for pair in part.split(", ")) for part in (before, after))
        was[a], was[b] = was[b], was[a]
        assert step.valid == (was == now)


def test_lookups_and_columns_rerun() -> None:
    rng = random.Random(26)
    for _ in range(ROUNDS):
        trace = states.lookups(rng)
        for step in trace.steps:
            assert step.valid == (step.text in trace.question)
        step = basen.column(rng)
        base, x, y, c, t, *rest = map(int, re.findall(r"\d+", step.text.replace("Column 1:", "")))
        w, k = (rest[0], rest[1]) if len(rest) == 2 else (rest[3], rest[4])
        right = (
            x + y + c == t
            and divmod(t, base) == (k, w)
            and (len(rest) == 2 or rest[:3] == [k, base, w])
        )
        assert step.valid == right, step.text


def test_other_words_leave_labels_numbers_and_cuts_alone() -> None:
    rng = random.Random(27)
    for _ in range(3 * ROUNDS):
        trace = own_trace(rng)
        other = vary.vary(rng, trace, 1.0)
        assert other.prefix_labels() == trace.prefix_labels() and other.outcome == trace.outcome
        assert re.findall(r"\d+", other.question) == re.findall(r"\d+", trace.question)
        for a, b in zip(trace.steps, other.steps):
            assert re.findall(r"\d+", a.text) == re.findall(r"\d+", b.text)
            if (
                a.wrong_end is not None
                and a.wrong_end < len(a.text)
                and a.text[a.wrong_end].isdigit()
            ):
                assert b.text[b.wrong_end] == a.text[a.wrong_end]
