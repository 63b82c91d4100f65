"""Plain short traces, as somebody types them first: one sum, a word, one step, equations only,
prose only, an answer alone.

A task is a question and lines, each one operation on numbers of the question or on earlier results.
The writer words the lines in a notation and a form of its own; `holds` is the only place that
decides whether a line is right. A right trace and its wrong twin are drawn alike in everything but
the planted error.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from fractions import Fraction

from .. import expr
from ..asides import aside, closing, opening
from ..trace import Step, Trace, merge_steps
from .notation import draw_notation

EXPONENT_MAX = 12
DRILL = "Check each line by itself."


@dataclass(frozen=True)
class Ref:
    """The result of an earlier line."""

    line: int


@dataclass
class Line:
    """One operation. `name`: words for the result; `symbol`: a letter for it; `before`: text that
    stands left of the sum (a formula)."""

    op: str
    args: tuple[Fraction | Ref, ...]
    unit: str = ""
    name: str = ""
    before: str = ""


@dataclass
class Task:
    question: str
    lines: list[Line]
    template: str
    direct: bool = True  # the answer may be said without its derivation: one operation
    bound: bool = True  # the question fixes the operands
    facts: list[tuple[str, Fraction]] = field(default_factory=list)  # "m = {} kg" of the question
    unit: str = ""


def calculate(op: str, args: tuple[Fraction, ...]) -> Fraction:
    """The exact value of one operation. Raises ZeroDivisionError, and ValueError for a root that is
    not whole."""
    if op == "root":
        root = Fraction(math.isqrt(int(args[0]))) if args[0] >= 0 else Fraction(0)
        if root * root != args[0]:
            raise ValueError("no whole root")
        return root
    if op == "pct":
        return args[0] / 100 * args[1]
    if op == "mod":
        return args[0] % args[1]
    if op == "^":
        if args[1].denominator != 1 or abs(args[1]) > EXPONENT_MAX:
            raise ValueError("no small whole exponent")
        return args[0] ** int(args[1])
    value = args[0]
    for other in args[1:]:
        value = {
            "+": lambda a, b: a + b,
            "-": lambda a, b: a - b,
            "*": lambda a, b: a * b,
            "/": lambda a, b: a / b,
        }[op](value, other)
    return value


def short(value: Fraction) -> bool:
    """Whether a person writes the value out."""
    return value.denominator == 1 or (value * 1000).denominator == 1 or value.denominator < 30


def rounded(value: Fraction) -> Fraction:
    """As it is written: exact where it is short, else with two decimals (three under one)."""
    if short(value):
        return value
    scale = 100 if abs(value) >= 1 else 1000
    return Fraction(round(value * scale), scale)


def other_number(rng: random.Random, value: Fraction) -> Fraction:
    """A plausible wrong number for any sign and size."""
    if value < 0:
        return -value if rng.random() < 0.3 else -expr.perturb(rng, -value)
    if value.denominator > 1 and (value * 100).denominator != 1:
        if (value * 1000).denominator == 1:
            new = expr.perturb(rng, Fraction(round(value * 1000))) / 1000
        else:
            new = value + Fraction(rng.choice((-1, 1, 1, 2)), value.denominator)
        return new if new != value else value + 1
    if rng.random() < 0.04 and value > 0:
        return -value
    return expr.perturb(rng, value)


def truths(task: Task) -> list[Fraction]:
    """What every line gives when all is right; a rounded value is carried on as it is written."""
    out: list[Fraction] = []
    for line in task.lines:
        out.append(rounded(calculate(line.op, resolve(line.args, out))))
    return out


def resolve(args: tuple[Fraction | Ref, ...], results: list[Fraction]) -> tuple[Fraction, ...]:
    return tuple(results[a.line] if isinstance(a, Ref) else a for a in args)


def holds(task: Task, i: int, op: str, args: tuple[Fraction, ...], said: Fraction) -> bool:
    """The checker: the operation that the question asks for, on the true operands, exact or rightly
    rounded. A free question fixes no operand: then the sum must only be true."""
    try:
        value = rounded(calculate(op, args))
    except (ZeroDivisionError, ValueError):
        return False
    if value != said:
        return False
    if not task.bound:
        return True
    line, right = task.lines[i], truths(task)
    wanted = resolve(line.args, right)
    same = args == wanted or (op in "+*" and sorted(args) == sorted(wanted))
    return op == line.op and same and said == right[i]


VERBS = {"+": "Add", "-": "Subtract", "*": "Multiply", "/": "Divide", "^": "Raise", "mod": "Divide"}
BODIES = (
    "{eq}",
    "{eq}",
    "{eq}",
    "{eq}.",
    "{eq}.",
    "So {eq}.",
    "We have {eq}.",
    "I get {eq}",
    "{lead}{eq}",
    "{lead}{eq}.",
    "{verb}: {eq}",
    "{verb}ing: {eq}",
    "- {eq}",
    "Step {n}: {eq}",
    "{n}. {eq}",
    "{n}) {eq}",
    "{left} gives {res}.",
    "{left} is {res}.",
    "The result of {left} is {res}.",
    "If we work out {left}, we get {res}.",
    "To get this we do {left}, which is {res}.",
    "{res} because {left} = {res}",
    "{eq}, so it is {res}",
    "{left}\n= {res}",
    "This means {eq}.",
    "{eq}{close}",
    "{lead}{eq}{close}",
)
NAMED = (
    "{name} is {eq}.",
    "{Name} = {eq}",
    "{Name}: {eq}",
    "{Name} is {left} = {res}.",
    "{lead}{name} is {eq}.",
    "That makes {eq} for {name}.",
    "{Name} is {res}, since {eq}.",
    "We need {name}: {eq}.",
)
HELD_BODIES = (
    "Doing {left} yields {res}.",
    "{left} comes out as {res}",
    "We arrive at {res} from {left}.",
    "Our {n}th thought: {eq}",
)
FINALS = (
    "The answer is {v}.",
    "The answer is {v}",
    "Answer: {v}",
    "answer {v}",
    "{v}",
    "{v}.",
    "= {v}",
    "So {v}.",
    "It is {v}.",
    "It's {v}",
    "\\boxed{{{v}}}",
    "$\\boxed{{{v}}}$",
    "**{v}**",
    "Final answer: {v}",
    "That makes {v}.",
    "Therefore {v}.",
    "Hence the result is {v}.",
    "#### {v}",
    "Result: {v}",
    "So the answer is **{v}**.",
    "Thus we get {v}.",
    "There you have it: {v}.",
    "I think it is {v}.",
)
HELD_FINALS = ("We end up with {v}.", "In total {v}.", "my result: {v}", "Consequently, {v}.")


class Writer:
    """Words the lines of a task. What it draws besides the error does not depend on the error."""

    def __init__(self, rng: random.Random, task: Task, held_out: bool) -> None:
        self.rng, self.task, self.held = rng, task, held_out
        self.nota = draw_notation(rng, held_out)
        self.lead = rng.random() < 0.5
        self.bodies = rng.sample(HELD_BODIES if held_out else BODIES, rng.choice((1, 1, 2, 3)))
        self.named = rng.random() < 0.7
        self.units = rng.random() < 0.6
        self.steps: list[Step] = []

    def shown(self, value: Fraction, unit: str) -> str:
        text = self.nota.num(value)
        if unit == "$":
            return "-$" + text[1:] if text[0] == "-" else "$" + text
        if unit in ("%", "°"):
            return text + unit
        return f"{text} {unit}" if unit and self.units else text

    def line(
        self, i: int, op: str, args: tuple[Fraction, ...], said: Fraction, valid: bool
    ) -> None:
        """A line as a step. The mark stands where the result goes wrong, or behind it when the sum
        itself is true and is not the one asked for."""
        line, nota = self.task.lines[i], self.nota
        left, cut, truth = self.left(line, op, args), 0, None
        res = self.shown(said, line.unit)
        try:
            right = rounded(calculate(op, args))
        except (ZeroDivisionError, ValueError):
            right = said
        if not valid:
            cut = len(res)
            if right != said:
                good = self.shown(right, line.unit)
                cut, truth = deviation(res, good)
        marked = res[:cut] + "\x00" + res[cut:] if not valid else res
        about = right == said and right != calculate_or(right, op, args)
        eq = nota.math(nota.equation(left, marked, about))
        form = self.rng.choice(NAMED if line.name and self.named else self.bodies)
        name = line.name or "it"
        text = form.format(
            eq=eq,
            left=left[0].upper() + left[1:] if form.startswith("{left}") else left,
            res=marked,
            lead=opening(self.rng) if self.lead else "",
            close=closing(self.rng),
            verb=VERBS.get(op, "Work out"),
            n=len(self.steps) + 1,
            name=name,
            Name=name[0].upper() + name[1:],
        )
        at = text.find("\x00")
        self.steps.append(Step(text.replace("\x00", ""), valid, None if valid else at, truth=truth))

    def left(self, line: Line, op: str, args: tuple[Fraction, ...]) -> str:
        text = self.nota.sum(op, args)
        if line.unit and op in "+-" and self.units and self.rng.random() < 0.3:
            sign = {"+": self.nota.plus, "-": self.nota.minus}[op]
            text = f" {sign} ".join(self.shown(a, line.unit) for a in args)
        return f"{line.before} = {text}" if line.before else text

    def final(self, value: Fraction, valid: bool) -> None:
        form = self.rng.choice(HELD_FINALS if self.held else FINALS)
        unit = self.task.unit or self.task.lines[-1].unit
        text = form.format(v=self.shown(value, unit))
        self.steps.append(Step(text, valid, None if valid else len(text)))

    def fact(self, form: str, value: Fraction, valid: bool) -> None:
        text = form.format(self.nota.num(value))
        text = (opening(self.rng) if self.lead else "") + text + self.rng.choice(("", "."))
        self.steps.append(Step(text, valid, None if valid else len(text)))


def calculate_or(default: Fraction, op: str, args: tuple[Fraction, ...]) -> Fraction:
    try:
        return calculate(op, args)
    except (ZeroDivisionError, ValueError):
        return default


def deviation(said: str, truth: str) -> tuple[int, str | None]:
    """Offset of the first character that differs, and the digit that should stand there."""
    at = next(
        (i for i, (a, b) in enumerate(zip(said, truth)) if a != b), min(len(said), len(truth))
    )
    right = truth[at] if at < min(len(said), len(truth)) and truth[at].isdigit() else None
    return at, right


def planted(
    rng: random.Random, task: Task, i: int, args: tuple[Fraction, ...]
) -> tuple[str, str, tuple[Fraction, ...], Fraction]:
    """(kind, operation, operands, result) of a wrong line. What a draw gives is put to the checker:
    a wrong operation may be right by chance (2 + 2 and 2 * 2)."""
    line = task.lines[i]
    for _ in range(20):
        kind = rng.choice(("slip", "slip", "slip", "operand", "operation"))
        op, new = line.op, args
        if kind == "operand" and task.bound:
            spot = rng.randrange(len(args))
            new = args[:spot] + (other_number(rng, args[spot]),) + args[spot + 1 :]
        elif kind == "operation" and task.bound and op in "+-*/" and len(args) == 2:
            op = rng.choice([o for o in "+-*/" if o != op])
        else:
            kind = "slip"
        try:
            said = rounded(calculate(op, new))
        except (ZeroDivisionError, ValueError):
            continue
        if kind == "slip":
            said = other_number(rng, said)
        if abs(said) < 10_000_000 and short(said) and not holds(task, i, op, new, said):
            return kind, op, new, said
    said = rounded(calculate(line.op, args)) + 1
    return "slip", line.op, args, said


def write(rng: random.Random, task: Task, held_out: bool = False, error_rate: float = 0.5) -> Trace:
    """A trace of a task, clean with probability 1 - `error_rate`."""
    writer = Writer(rng, task, held_out)
    right = truths(task)
    alone = task.direct and task.bound and rng.random() < 0.25
    ends = alone or rng.random() < 0.5
    facts = [f for f in task.facts if rng.random() < 0.6] if not alone else []
    places = ["fact"] * len(facts) + ["line"] * (0 if alone else len(task.lines))
    places += ["final"] * ends
    bad = rng.randrange(len(places)) if rng.random() < error_rate else -1
    if bad >= 0 and places[bad] != "line" and not alone and rng.random() < 0.5:
        bad = rng.randrange(len(places))
    error, stated = "", []
    for at, (form, value) in enumerate(facts):
        said = other_number(rng, value) if at == bad else value
        error = "premise" if at == bad else error
        writer.fact(form, said, said == value)
    for i, line in enumerate([] if alone else task.lines):
        args = resolve(line.args, stated)
        op, said = line.op, Fraction(0)
        if len(facts) + i == bad:
            error, op, args, said = planted(rng, task, i, args)
        else:
            try:
                said = rounded(calculate(op, args))
            except (ZeroDivisionError, ValueError):
                break  # a wrong earlier result made this line impossible
        valid = holds(task, i, op, args, said)
        stated.append(said)
        writer.line(i, op, args, said, valid)
    if ends and (alone or len(stated) == len(task.lines)):
        value = right[-1] if alone else stated[-1]
        if bad == len(places) - 1:
            value, error = other_number(rng, value), "conclusion"
        # a conclusion must say the last result, and that one must be right
        writer.final(value, value == right[-1])
        stated.append(value)
    trace = Trace(task.question, writer.steps, "plain", task.template, error)
    trace.outcome = bool(stated) and stated[-1] == right[-1]
    return dressed(rng, trace)


def drill(rng: random.Random, tasks: list[Task]) -> Trace:
    """Lines that stand alone, each from a task of its own and wrong every second time: ten labels
    in the tokens of two traces."""
    whole = Task(DRILL, [task.lines[0] for task in tasks], "plain_drill", bound=False)
    writer = Writer(rng, whole, False)
    writer.lead = writer.lead and rng.random() < 0.3
    for i, line in enumerate(whole.lines):
        if i % 4 == 0:
            writer.nota = draw_notation(rng)
        args = resolve(line.args, [])
        op, said = line.op, rounded(calculate(line.op, args))
        if rng.random() < 0.5:
            _, op, args, said = planted(rng, whole, i, args)
        writer.line(i, op, args, said, holds(whole, i, op, args, said))
    trace = Trace(whole.question, writer.steps, "plain", whole.template)
    trace.independent = True
    return trace


def dressed(rng: random.Random, trace: Trace) -> Trace:
    """Asides between the steps, or all steps in one line, whatever the labels."""
    kind = rng.random()
    if kind > 0.88 and len(trace.steps) > 1:
        joint = rng.choice((" ", " ", "\n", ", ", "; "))
        whole = trace.steps[0]
        for step in trace.steps[1:]:
            whole = merge_steps(whole, step, joint)
        trace.steps = [whole]
    elif kind < 0.3:
        rate = rng.choice((0.2, 0.5))
        steps: list[Step] = [Step(aside(rng))] if rng.random() < 0.3 else []
        for step in trace.steps:
            steps.append(step)
            if rng.random() < rate:
                steps.append(Step(aside(rng)))
        trace.steps = steps
    return trace
