"""Clean traces for calibrating the shortcut flags: a third set of word templates and three small
families.

Neither trained on nor among the held-out sets that are reported. A bank made of training families
alone knows the model only where it was taught; false-alarm rates on unseen wording need wording
that was not seen either.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Callable

from .. import expr
from ..program import Program, Quantity, write
from ..trace import Trace
from .nouns import FIRST_NAMES, THINGS
from .words import T, instantiate

TEMPLATES = [
    T(
        "aquarium",
        "{N} keeps {a} fish in each of {b} tanks. // There are {b} tanks at {N}'s place "
        "and every tank is home to {a} fish.|Overnight {c} fish are moved to a pond.",
        "How many fish stay in the tanks?",
        "x = a*b : fish : the fish in the tanks at first|t = x-c : fish : the fish that stay",
        "a 3 14, b 2 9, c 1 5",
        "a fish, b tanks, c fish",
    ),
    T(
        "library_fine",
        "{N} brings back a book {a} days late. // A book of {N} is {a} days overdue.|The "
        "library asks for {b} for every late day.|{He} has {c} in {his} pocket.",
        "How much is left in the pocket after paying the fine?",
        "x = a*b : $ : the fine|t = c-x : $ : the rest of the money",
        "a 2 9, b 1 4, c 40 90",
        "a days, b $, c $",
    ),
    T(
        "choir",
        "A choir has {a} singers on the left and {b} on the right.|{c} of them leave "
        "before the concert.|The others stand in rows of {d}.",
        "How many rows do they form?",
        "x = a+b : singers : the singers at first|y = x-c : singers : the singers at the "
        "concert|t = y/d : rows : the number of rows",
        "a 8 40, b 8 40, c 1 12, d 3 9",
        "a singers, b singers, c singers, d singers",
    ),
    T(
        "phone_plan",
        "A phone plan costs {a} a month plus {b} for every gigabyte. // For a phone {N} "
        "pays {a} a month, and each gigabyte adds {b}.|Last month {N} used {c} gigabytes.",
        "What was the bill of last month?",
        "x = b*c : $ : the charge for the data|t = a+x : $ : the bill",
        "a 10 40, b 2 6, c 2 12",
        "a $, b $, c gigabytes",
    ),
    T(
        "stairs",
        "A tower has {a} floors with {b} steps between two floors, so {a} times {b} steps "
        "in all.|{N} climbs {c} steps and takes a break.",
        "How many steps are still ahead?",
        "x = a*b : steps : all steps of the tower|t = x-c : steps : the steps that are ahead",
        "a 4 15, b 10 20, c 5 39",
        "a floors, b steps, c steps",
    ),
    T(
        "paint_mix",
        "To get green paint {N} mixes {a} cans of blue with {b} times as many cans of "
        "yellow.|{He} needs {c} cans of green.",
        "How many cans are still missing?",
        "x = a*b : cans : the cans of yellow|y = a+x : cans : the cans of green so far|t = "
        "c-y : cans : the missing cans",
        "a 2 9, b 2 4, c 46 90",
        "a cans, b times, c cans",
    ),
    T(
        "marathon_relay",
        "A relay of {a} kilometers is divided evenly among {b} runners.|Each kilometer "
        "takes {c} minutes.",
        "How long does one runner run?",
        "x = a/b : kilometers : the distance of one runner|t = x*c : minutes : the time of "
        "one runner",
        "a 12 90, b 2 10, c 4 8",
        "a kilometers, b runners, c minutes",
    ),
    T(
        "bakery_flour",
        "A baker opens a sack of {a} kilograms of flour.|One loaf takes {b} kilograms and "
        "{c} loaves are made. // {c} loaves are baked from it, with {b} kilograms in every "
        "loaf.",
        "How many kilograms of flour remain?",
        "x = b*c : kilograms : the flour in the loaves|t = a-x : kilograms : the flour that "
        "remains",
        "a 60 120, b 2 4, c 3 14",
        "a kilograms, b kilograms, c loaves",
    ),
    T(
        "concert_hall",
        "{a} tickets for a concert were sold online and {b} at the door.|Every ticket "
        "brought in {c}.|The band was paid {d}.",
        "What amount did the organizers keep?",
        "x = a+b : tickets : the tickets that were sold|y = x*c : $ : the income|t = y-d : "
        "$ : the amount they kept",
        "a 20 90, b 5 40, c 5 20, d 50 120",
        "a tickets, b tickets, c $, d $",
    ),
    T(
        "well_water",
        "A well gives {a} buckets of water each hour. // Each hour {a} buckets of water "
        "come out of a well.|It is used {b} hours in the morning and {c} hours in the "
        "evening.",
        "How many buckets come out of the well on such a day?",
        "x = b+c : hours : the hours of use|t = a*x : buckets : the buckets of a day",
        "a 6 30, b 1 5, c 1 5",
        "a buckets, b hours, c hours",
    ),
    T(
        "gift_cards",
        "{N} got gift cards worth {a} and {b}.|With them {he} pays for {c} games at {d} "
        "apiece. // {He} wants {c} games, and the price of a game is {d}.",
        "How much is left on the cards?",
        "x = a+b : $ : the value of both cards|y = c*d : $ : the price of the games|t = "
        "x-y : $ : the money left on the cards",
        "a 30 80, b 20 60, c 2 5, d 3 9",
        "a $, b $, c games, d $",
    ),
    T(
        "train_seats_left",
        "When the train leaves, {a} passengers are on it.|At the first stop {b} get off "
        "and {c} get on.|At the second stop {d} get off.",
        "How many passengers are on the train after the second stop?",
        "x = a-b : passengers : the passengers after some got off|y = x+c : passengers : "
        "the passengers after the first stop|t = y-d : passengers : the passengers after "
        "the second stop",
        "a 60 200, b 5 30, c 3 30, d 3 25",
        "a passengers, b passengers, c passengers, d passengers",
    ),
    T(
        "fruit_salad",
        "For one bowl of fruit salad {N} cuts {a} kiwis. // A bowl of fruit salad takes "
        "{a} kiwis.|{He} fills {b} bowls for {his} family and {c} bowls for the neighbors.",
        "How many kiwis are cut?",
        "x = b+c : bowls : the bowls of fruit salad|t = x*a : kiwis : the kiwis that are cut",
        "a 2 9, b 2 9, c 2 9",
        "a kiwis, b bowls, c bowls",
    ),
    T(
        "snow",
        "By noon {a} centimeters of snow have fallen.|In the afternoon {b} times that "
        "amount falls.|Then {c} centimeters melt.",
        "How deep is the snow at night?",
        "x = a*b : centimeters : the snow of the afternoon|y = a+x : centimeters : all the "
        "snow|t = y-c : centimeters : the depth at night",
        "a 3 15, b 2 4, c 1 8",
        "a centimeters, b times, c centimeters",
    ),
    T(
        "sheep_shearing",
        "A farmer shears {a} sheep and each gives {b} pounds of wool.|He keeps {c} pounds "
        "and sells the others for {d} a pound.",
        "How much money does the wool bring?",
        "x = a*b : pounds : the wool of all sheep|y = x-c : pounds : the wool that is sold|"
        "t = y*d : $ : the money for the wool",
        "a 5 20, b 4 12, c 2 15, d 2 9",
        "a sheep, b pounds, c pounds, d $",
    ),
    T(
        "score_gap",
        "In a quiz team Red wins {a} rounds and team Blue wins {b} rounds more.|A round is "
        "worth {c} points.",
        "How many points does team Blue end with?",
        "x = a+b : rounds : the rounds won by team Blue|t = x*c : points : the points of team Blue",
        "a 3 20, b 2 9, c 2 10",
        "a rounds, b rounds, c points",
    ),
    T(
        "reading_goal",
        "{N}'s goal is to read {a} chapters in a month. // {N} means to read {a} chapters "
        "this month.|So far {he} finished {p} of them.",
        "How many chapters does {N} have to read to reach the goal?",
        "x = a*p/100 : chapters : the chapters {he} finished|t = a-x : chapters : the "
        "chapters that are to be read",
        "a 20 120, p 10 90",
        "a chapters, p %",
    ),
    T(
        "hotel",
        "A hotel room is {a} a night and breakfast is {b} a day.|{N} stays {c} nights with "
        "breakfast every day.",
        "What does the stay cost?",
        "x = a+b : $ : the price of a night with breakfast|t = x*c : $ : the price of the stay",
        "a 40 120, b 5 15, c 2 9",
        "a $, b $, c nights",
    ),
    T(
        "beads_string",
        "A string holds {a} beads.|{N} has {b} red beads and {c} blue beads. // In {N}'s "
        "drawer are {b} red and {c} blue beads.",
        "How many strings can be filled?",
        "x = b+c : beads : the beads in all|t = x/a : strings : the strings that can be filled",
        "a 4 12, b 10 80, c 10 80",
        "a beads, b red beads, c blue beads",
    ),
    T(
        "elevator",
        "An elevator weighs {a} kilograms.|{b} persons of {c} kilograms each step in.|The "
        "cable bears {d} kilograms.",
        "How many more kilograms could the cable bear?",
        "x = b*c : kilograms : the weight of the persons|y = a+x : kilograms : the weight "
        "on the cable|t = d-y : kilograms : the weight that may be added",
        "a 200 400, b 2 6, c 50 90, d 950 1500",
        "a kilograms, b persons, c kilograms, d kilograms",
    ),
    T(
        "stamps_album",
        "Each page of an album takes {a} photographs.|{N} fills {b} pages in May and {c} "
        "fewer pages in June.",
        "How many photographs did {N} paste in June?",
        "x = b-c : pages : the pages filled in June|t = x*a : photographs : the "
        "photographs pasted in June",
        "a 3 9, b 8 20, c 2 6",
        "a photographs, b pages, c pages",
    ),
    T(
        "charity_walk",
        "For a good cause {N} walks {a} laps and a sponsor gives {b} per lap.|{M} collects "
        "{c} at work.",
        "What is the sum of both contributions?",
        "x = a*b : $ : the contribution of {N}|t = x+c : $ : the sum of both contributions",
        "a 4 30, b 2 9, c 10 90",
        "a laps, b $, c $",
    ),
    T(
        "cinema_half",
        "{a} people watch the early film and half as many watch the late one.|Each of them "
        "pays {b}.",
        "How much does the cinema take in?",
        "x = a/2 : people : the people at the late film|y = a+x : people : the people on "
        "that day|t = y*b : $ : the money taken in",
        "a 20 160, b 5 12",
        "a people, b $",
    ),
    T(
        "battery",
        "A battery is charged for {a} minutes and gains {b} units in each minute.|A lamp "
        "uses {c} units per hour.",
        "How many hours can the lamp burn?",
        "x = a*b : units : the charge of the battery|t = x/c : hours : the hours the lamp can burn",
        "a 10 60, b 2 9, c 2 12",
        "a minutes, b units, c units",
    ),
    T(
        "coupon_book",
        "The bill at a restaurant comes to {a}. // {N} and {M} eat for {a}.|A coupon takes "
        "{b} off.|The two friends split what remains.",
        "What does one of them pay?",
        "x = a-b : $ : the bill after the coupon|t = x/2 : $ : the part of one friend",
        "a 30 120, b 4 20",
        "a $, b $",
    ),
    T(
        "hens",
        "On a farm {a} hens lay {b} eggs each in a week.|{c} eggs break and the good ones "
        "go into cartons of {d}.",
        "How many cartons are filled?",
        "x = a*b : eggs : the eggs of a week|y = x-c : eggs : the good eggs|t = y/d : "
        "cartons : the cartons that are filled",
        "a 6 30, b 3 7, c 2 12, d 6 12",
        "a hens, b eggs, c eggs, d eggs",
    ),
]


def words(rng: random.Random) -> Trace:
    program = None
    while program is None:
        program = instantiate(rng, rng.choice(TEMPLATES))
    program.family = "calibration"
    return write(rng, program)


def growth(rng: random.Random) -> Trace:
    """A count that grows by the same amount: the first weeks one by one."""
    start, by, weeks = rng.randint(2, 60), rng.randint(2, 25), rng.randint(2, 5)
    thing, name = rng.choice(THINGS), rng.choice(FIRST_NAMES)
    given = {"s": Fraction(start), "d": Fraction(by)}
    quantities, last = [Quantity("s", None, thing), Quantity("d", None, thing)], "s"
    for i in range(weeks):
        quantities.append(
            Quantity(f"r{i}", ("+", last, "d"), thing, f"the number after week {i + 1}")
        )
        last = f"r{i}"
    question = rng.choice(
        [
            "{n}'s shelf starts with {s} {t} and gains {d} every week. What does it hold "
            "after week {w}?",
            "{s} {t} lie in a store. With each week {d} come in. How many will it be at "
            "the end of week {w} if {n} sells none?",
        ]
    )
    text = question.format(n=name, s=start, t=thing, d=by, w=weeks)
    return write(rng, Program(text, given, quantities, last, "calibration", "growth"))


def conversion(rng: random.Random) -> Trace:
    """A length or a time in smaller units, and a piece of it."""
    big, small, factor = rng.choice(
        [
            ("meters", "centimeters", 100),
            ("feet", "inches", 12),
            ("hours", "minutes", 60),
            ("minutes", "seconds", 60),
            ("yards", "feet", 3),
        ]
    )
    amount, piece = rng.randint(2, 20), rng.randint(1, factor * 2 - 1)
    given = {"a": Fraction(amount), "b": Fraction(piece)}
    quantities = [
        Quantity("a", None, big),
        Quantity("b", None, small),
        Quantity("x", ("*", "a", Fraction(factor)), small, f"the same in {small}"),
        Quantity("t", ("-", "x", "b"), small, "what is left over"),
    ]
    question = rng.choice(
        [
            f"Of {amount} {big}, {piece} {small} are used. What is left in {small}?",
            f"What remains, in {small}, when {piece} {small} are taken from {amount} {big}?",
        ]
    )
    return write(rng, Program(question, given, quantities, "t", "calibration", "conversion"))


def perimeter(rng: random.Random) -> Trace:
    """A triangle or a square walked around, several times."""
    square = rng.random() < 0.5
    sides = [rng.randint(3, 40)] * 4 if square else sorted(rng.sample(range(20, 40), 3))
    laps = rng.randint(2, 6)
    given = {"k": Fraction(laps)} | {
        f"s{i}": Fraction(v) for i, v in enumerate(sides[:1] if square else sides)
    }
    tree: expr.Tree = ("*", Fraction(4), "s0") if square else ("+", ("+", "s0", "s1"), "s2")
    quantities = [Quantity(k, None, "" if k == "k" else "meters") for k in given]
    quantities += [
        Quantity("x", tree, "meters", "one round"),
        Quantity("t", ("*", "x", "k"), "meters", "the whole distance"),
    ]
    shape = (
        f"a square with sides of {sides[0]} meters"
        if square
        else "a triangle with sides of {}, {} and {} meters".format(*sides)
    )
    name = rng.choice(FIRST_NAMES)
    question = rng.choice(
        [
            f"{name} walks around {shape} {laps} times. What distance is that?",
            f"The path is {shape}. {name} goes around it {laps} times. How far is that in meters?",
        ]
    )
    return write(rng, Program(question, given, quantities, "t", "calibration", "perimeter"))


FAMILIES: dict[str, Callable[[random.Random], Trace]] = {
    "calibration words": words,
    "growth": growth,
    "conversion": conversion,
    "perimeter": perimeter,
}
