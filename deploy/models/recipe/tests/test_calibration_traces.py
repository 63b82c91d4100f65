"""What calibrate.py takes for a false equation in a trace that should be clean."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from calibrate import equations_hold

TRUE = [
    "5 * 4 = 20",
    "3+4*2=11",
    "(3+4)*2 = 14",
    "$3 + $4.50 = $7.50",
    "10/3=3.33",
    "10/3=3.3",
    "20% * 50 = 10",
    "100% - 20% = 80%",
    "2 x 3 x 4 = 24",
    "4 × 5 ÷ 2 = 10",
    "34 \\times (1 / 2) = 17",
    "4(5+5)=40$",
    "46(2) = 92",
    "1,000 - 1 = 999",
    "5*2=10*3=30",
    "60 ÷ 100 * 100 = 60%",
    "Step 2 (5+5=10)",
]
FALSE = [
    "3+4*2=14",
    "10/3=3.5",
    "2 x 3 x 4 = 25",
    "4+4+6 = 18.",
    "he sold 1/4*216 = 46 cows",
    "it cost $5 * 6600 = $30,000",
    "46(2) = 132",
    "(1/2)*39 = 15",
    "68 x 64/100 = 48.",
    "Total:460 + 750 + 4400 = 5600",
]
NO_EQUATION = [
    "Weeks 1-2 = 96-70",
    "12 apples * 3 = 7",
    "x - 3 = 5",
    "7 = 3 + 5",
    "a5 - 3 = 9",
    "n = 5",
    "5/0 = 3",
    "(2 + 3 = 7",
    "1 2 = 3",
]


@pytest.mark.parametrize("text", TRUE + NO_EQUATION)
def test_these_are_left_alone(text):
    assert equations_hold(text)


@pytest.mark.parametrize("text", FALSE)
def test_these_are_found(text):
    assert not equations_hold(text)
    assert not equations_hold(f"So we have it: {text} And so on.")
