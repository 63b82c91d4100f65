"""More word problems, each sentence in several wordings, with names and things from the long lists.

`words` has one wording per template, which a model can know by heart: what it learns there says
little about a sentence it has not seen. Here the same relation comes in other words, and the same
words with other relations.
"""

from __future__ import annotations

import random
from fractions import Fraction

from ..program import Program, Quantity, write
from ..trace import Trace
from .nouns import FIRST_NAMES, THINGS
from .words import T, instantiate

TEMPLATES = [
    T(
        "s_bags",
        "{N} has {a} bags with {b} {I} in each bag. // There are {a} bags and every bag "
        "holds {b} {I}. // {N} fills {a} bags, putting {b} {I} into each.|{He} adds {c} "
        "loose {I}. // Another {c} {I} lie beside them.",
        "How many {I} are there in all? // What is the total number of {I}?",
        "x = a*b : {I} : the {I} in the bags // the number of {I} in bags|t = x+c : {I} : "
        "the total number of {I} // all {I} together",
        "a 2 12, b 3 20, c 2 40",
        "a bags, b {I}, c {I}",
    ),
    T(
        "s_lose",
        "{N} had {a} {I}. // {a} {I} belonged to {N}.|{He} gave {b} to {M} and {c} to {O}. "
        "// {M} took {b} of them and {O} took {c}.",
        "How many {I} does {N} still have? // How many {I} remain with {N}?",
        "x = b+c : {I} : the {I} given away // what {M} and {O} got|t = a-x : {I} : the "
        "{I} {N} still has // the remaining {I}",
        "a 30 120, b 2 14, c 2 14",
        "a {I}, b {I}, c {I}",
    ),
    T(
        "s_wage",
        "{N} is paid {a} for every hour. // For an hour of work {N} gets {a}. // {N}'s "
        "wage is {a} an hour.|This week {he} worked {b} hours and spent {c} on food. // "
        "{He} worked {b} hours this week. Food cost {him} {c}.",
        "How much money is left of the pay? // What remains of {N}'s pay?",
        "x = a*b : $ : the pay of the week // what {N} earned|t = x-c : $ : the money left "
        "// the rest of the pay",
        "a 8 30, b 5 40, c 5 39",
        "a $, b hours, c $",
    ),
    T(
        "s_teams",
        "{a} children come to a sports day and {b} more arrive late. // A camp has {a} "
        "boys and {b} girls.|They are put into groups of {c}. // Every team needs {c} of "
        "them.",
        "How many groups are made? // How many teams can be formed?",
        "x = a+b : children : the number of children // everyone at the camp|t = x/c : "
        "groups : the number of groups // how many groups there are",
        "a 10 80, b 4 50, c 2 10",
        "a children, b children, c children",
    ),
    T(
        "s_speed",
        "{N} rides {a} kilometers each hour. // In one hour {N} covers {a} kilometers.|"
        "{He} rides for {b} hours on Saturday and {c} hours on Sunday. // On Saturday the "
        "ride takes {b} hours, on Sunday {c} hours.",
        "How many kilometers does {he} ride on both days? // What distance is that altogether?",
        "x = b+c : hours : the hours on both days // the time spent riding|t = a*x : "
        "kilometers : the kilometers of both days // the whole distance",
        "a 8 30, b 1 6, c 1 6",
        "a kilometers, b hours, c hours",
    ),
    T(
        "s_fuel",
        "A truck uses {a} liters for a trip. // One trip takes {a} liters of fuel.|It "
        "makes {b} trips a day on {c} days. // For {c} days it goes {b} times a day.",
        "How many liters does it use?",
        "x = b*c : trips : the number of trips|t = x*a : liters : the liters used // all the fuel",
        "a 3 20, b 2 6, c 2 9",
        "a liters, b trips, c days",
    ),
    T(
        "s_price_cut",
        "A {K} coat was {a}. // The price of a {K} coat used to be {a}.|It is now {p} "
        "cheaper. // In a sale {p} are taken off. // The store lowers the price by {p}.|"
        "{N} pays with {b}. // {N} hands over {b}.",
        "How much change does {N} get back?",
        "x = a*p/100 : $ : the reduction // how much is taken off|y = a-x : $ : the lower "
        "price // the new price|t = b-y : $ : the change",
        "a 20 180, p 5 60, b 190 300",
        "a $, p %, b $",
    ),
    T(
        "s_growth",
        "Last year a club had {a} members. // A club counted {a} members a year ago.|Since "
        "then the membership went up by {p}. // It grew by {p} this year.",
        "How many members does the club have today? // What is the number of members after that?",
        "x = a*p/100 : members : the new members // how many members joined|t = a+x : "
        "members : the members today // the number of members now",
        "a 20 600, p 5 90",
        "a members, p %",
    ),
    T(
        "s_split",
        "{N}, {M} and {O} found {a} {I}. // Three friends pick {a} {I}.|They throw away "
        "{b} and divide the rest evenly among the three of them. // {b} {I} are bad, and "
        "the good ones are shared equally by the three.",
        "How many {I} does each of the three get?",
        "x = a-b : {I} : the good {I} // what is left to share|t = x/3 : {I} : the share "
        "of each // what each of the three gets",
        "a 20 120, b 2 19",
        "a {I}, b {I}",
    ),
    T(
        "s_double",
        "In spring {N} planted {a} trees. // {N} put {a} trees into the ground in spring.|"
        "In fall it was {k} times that many. // In fall {he} planted {k} times as many.|"
        "{b} trees did not survive. // The winter killed {b} of all these trees.",
        "How many trees are alive? // How many of the trees survived?",
        "x = a*k : trees : the trees of the fall // what {N} planted in fall|y = a+x : "
        "trees : all planted trees // the trees of both seasons|t = y-b : trees : the "
        "living trees",
        "a 4 40, k 2 5, b 2 11",
        "a trees, k times, b trees",
    ),
    T(
        "s_shop_two",
        "A {K} lamp is {a} and a chair is {b}. // In a store lamps cost {a} each, and "
        "chairs {b} each.|{N} orders {c} lamps and {d} chairs. // {N} needs {c} of the "
        "lamps and {d} of the chairs.",
        "What does {he} have to pay? // How much is the whole order?",
        "x = a*c : $ : the price of the lamps // all lamps|y = b*d : $ : the price of the "
        "chairs // all chairs|t = x+y : $ : the price of the order // the amount to pay",
        "a 6 40, b 10 60, c 2 9, d 2 9",
        "a $, b $, c lamps, d chairs",
    ),
    T(
        "s_height",
        "{N} is {a} centimeters tall. // {N}'s height is {a} centimeters.|{M} is {b} "
        "centimeters shorter than {N}. // {N} is {b} centimeters taller than {M}.|{O} is "
        "{c} centimeters taller than {M}. // {M} is {c} centimeters shorter than {O}.",
        "How tall is {O}? // What is the height of {O}?",
        "x = a-b : centimeters : the height of {M} // how tall {M} is|t = x+c : "
        "centimeters : the height of {O} // how tall {O} is",
        "a 120 190, b 3 25, c 2 40",
        "a centimeters, b centimeters, c centimeters",
    ),
    T(
        "s_age_diff",
        "{M} is {a} years older than {N}. // {N} is {a} years younger than {M}.|{N} is {b} "
        "now. // At the moment {N} is {b} years old.",
        "How old will {M} be in {c} years? // What will {M}'s age be {c} years from now?",
        "x = a+b : years : {M}'s age now // the present age of {M}|t = x+c : years : {M}'s "
        "age in {c} years",
        "a 2 30, b 4 50, c 2 20",
        "a years, b years",
    ),
    T(
        "s_machine",
        "A machine makes {a} {I} in an hour. // Every hour a machine turns out {a} {I}.|It "
        "runs {b} hours, and {c} of the {I} are faulty. // After {b} hours {c} faulty {I} "
        "are removed.",
        "How many good {I} are there?",
        "x = a*b : {I} : the {I} made // everything the machine makes|t = x-c : {I} : the "
        "good {I} // the {I} without fault",
        "a 5 60, b 2 12, c 1 9",
        "a {I}, b hours, c {I}",
    ),
    T(
        "s_two_machines",
        "One machine makes {a} {I} an hour and a second one {b} {I} an hour. // Two "
        "presses work side by side: {a} {I} per hour come from the first and {b} per hour "
        "from the second.|Both run for {c} hours.",
        "How many {I} do they make together?",
        "x = a+b : {I} : the {I} of one hour // what both make in an hour|t = x*c : {I} : "
        "the {I} they make together // the whole output",
        "a 5 60, b 5 60, c 2 12",
        "a {I}, b {I}, c hours",
    ),
    T(
        "s_budget",
        "{N} has a budget of {a} for a party. // For a party {N} can spend {a}.|Food costs "
        "{b} and each of {c} guests gets a gift of {d}. // {He} spends {b} on food and {d} "
        "on every one of {c} guests.",
        "How much of the budget is not spent?",
        "x = c*d : $ : the cost of the gifts // all gifts|y = b+x : $ : the money spent // "
        "food and gifts|t = a-y : $ : the unspent money // the rest of the budget",
        "a 200 400, b 20 80, c 3 12, d 2 9",
        "a $, b $, c guests, d $",
    ),
    T(
        "s_pages",
        "{N} has to write {a} pages. // {N}'s report must have {a} pages.|{He} writes {b} "
        "pages a day for {c} days. // For {c} days {he} finishes {b} pages every day.|{M} "
        "writes the rest. // The rest is left to {M}.",
        "How many pages does {M} write?",
        "x = b*c : pages : the pages {N} writes // what {N} finishes|t = a-x : pages : the "
        "pages {M} writes // what is left to {M}",
        "a 60 200, b 2 9, c 2 6",
        "a pages, b pages, c days",
    ),
    T(
        "s_monthly",
        "{N} puts {a} into a jar each month. // Each month {N} saves {a}.|After {b} months "
        "{he} buys a {K} radio for {c}. // {b} months later a {K} radio for {c} is bought "
        "with the money.",
        "How much is in the jar then?",
        "x = a*b : $ : the money saved // the savings|t = x-c : $ : the money in the jar "
        "// what is left in the jar",
        "a 10 50, b 3 12, c 5 29",
        "a $, b months, c $",
    ),
    T(
        "s_seats",
        "A bus has {a} seats. // There are {a} seats on a bus.|{b} of the seats are taken, "
        "and {c} more people get on. // {b} people sit on it already, then {c} people "
        "enter.",
        "How many seats are free now?",
        "x = b+c : people : the people on the bus|t = a-x : seats : the free seats // how "
        "many seats are free",
        "a 40 90, b 5 20, c 2 19",
        "a seats, b people, c people",
    ),
    T(
        "s_weight",
        "A crate holds {a} cans of {b} grams each. // There are {a} cans in a crate, each "
        "weighing {b} grams.|The empty crate weighs {c} grams. // Without cans the crate "
        "weighs {c} grams.",
        "How heavy is the full crate? // What does the full crate weigh?",
        "x = a*b : grams : the weight of the cans // all cans together|t = x+c : grams : "
        "the weight of the full crate",
        "a 3 24, b 20 400, c 100 900",
        "a cans, b grams, c grams",
    ),
    T(
        "s_quarter",
        "{N} made {a} {I}. // {a} {I} were made by {N}.|A quarter of them was sold in the "
        "morning and {b} in the afternoon. // In the morning a fourth of the {I} was sold; "
        "in the afternoon {b} more.",
        "How many {I} were sold that day?",
        "x = a/4 : {I} : the {I} sold in the morning // a quarter of the {I}|t = x+b : {I} "
        ": the {I} sold that day // all that was sold",
        "a 20 160, b 2 30",
        "a {I}, b {I}",
    ),
    T(
        "s_fifth",
        "There were {a} {I} in a store. // A store had {a} {I}.|One fifth was damaged by "
        "water. // Water damaged a fifth of them.|{b} of the others were sold. // Of the "
        "undamaged ones {b} were sold.",
        "How many undamaged {I} are in the store now?",
        "x = a/5 : {I} : the damaged {I} // a fifth of the {I}|y = a-x : {I} : the "
        "undamaged {I} // the {I} without damage|t = y-b : {I} : the {I} that are left",
        "a 40 200, b 2 28",
        "a {I}, b {I}",
    ),
    T(
        "s_packs",
        "{I} come in packs of {a}. // One pack contains {a} {I}.|{N} needs {b} {I} for "
        "each of {c} tables. // For every one of {c} tables {N} wants {b} {I}.",
        "How many packs does {N} need?",
        "x = b*c : {I} : the {I} that are needed // what all tables need|t = x/a : packs : "
        "the packs needed // the number of packs",
        "a 2 12, b 2 12, c 2 12",
        "a {I}, b {I}, c tables",
    ),
    T(
        "s_clock",
        "A film lasts {a} minutes and the break {b} minutes. // In a cinema the film takes "
        "{a} minutes and there is a break of {b} minutes.|The film is shown {c} times a "
        "day, each time with the break. // All this happens {c} times a day.",
        "How many minutes is that per day?",
        "x = a+b : minutes : the time of one show // film and break|t = x*c : minutes : "
        "the minutes per day",
        "a 60 150, b 5 20, c 2 6",
        "a minutes, b minutes, c times",
    ),
    T(
        "s_goals",
        "{N} scored {a} goals this season. // This season {a} goals were scored by {N}.|"
        "{M} scored {b} fewer, and {O} scored as many as {N} and {M} together. // {M} had "
        "{b} goals less, {O} as many as both of them together.",
        "How many goals did {O} score?",
        "x = a-b : goals : the goals of {M} // {M}'s goals|t = a+x : goals : the goals of "
        "{O} // {O}'s goals",
        "a 12 50, b 2 9",
        "a goals, b goals",
    ),
    T(
        "s_ratio",
        "For every {I} of {N} there are {k} {I} of {M}. // {M} has {k} times the {I} of "
        "{N}.|{N} has {a} {I}. // {a} {I} are {N}'s.",
        "How many more {I} than {N} does {M} have? // By how many {I} does {M} beat {N}?",
        "x = a*k : {I} : the {I} of {M} // {M}'s {I}|t = x-a : {I} : the difference // how "
        "many more {M} has",
        "k 2 6, a 3 40",
        "a {I}, k times",
    ),
    T(
        "s_water",
        "A barrel contains {a} liters. // There are {a} liters in a barrel.|{b} liters are "
        "taken out every day for {c} days. // For {c} days {N} uses {b} liters of it a "
        "day.|Then rain adds {d} liters. // After that {d} liters of rain fall into it.",
        "How many liters are in the barrel now?",
        "x = b*c : liters : the liters taken out|y = a-x : liters : the liters before the "
        "rain // what is left before the rain|t = y+d : liters : the liters in the barrel "
        "now",
        "a 80 200, b 2 9, c 2 8, d 3 40",
        "a liters, b liters, c days, d liters",
    ),
    T(
        "s_tip",
        "{N} and {M} have lunch for {a}. // The lunch of {N} and {M} comes to {a}.|They "
        "leave {p} as a tip and share everything equally. // A tip of {p} is added, and "
        "each of the two pays half.",
        "How much does each of them pay?",
        "x = a*p/100 : $ : the tip // the amount of the tip|y = a+x : $ : lunch and tip|t "
        "= y/2 : $ : the half of each // what each pays",
        "a 20 120, p 5 30",
        "a $, p %",
    ),
    T(
        "s_profit2",
        "{N} makes {I} for {a} each and sells them for {b} each. // Making one of the {I} "
        "costs {N} {a}; they sell at {b}.|In a week {he} sells {c} of them, and the stall "
        "costs {d}. // {c} are sold in a week. The rent of the stall is {d}.",
        "What is the profit of the week?",
        "x = b-a : $ : the gain from one // what one brings|y = x*c : $ : the gain from "
        "all of them|t = y-d : $ : the profit of the week",
        "a 2 9, b 12 30, c 6 40, d 5 17",
        "a $, b $, c {I}, d $",
    ),
    T(
        "s_steps",
        "{N} walks {a} steps in the morning. // In the morning {N} takes {a} steps.|At "
        "noon it is {b} steps less than in the morning, and in the evening {c} steps more "
        "than at noon. // {He} takes {b} fewer steps at noon; the evening has {c} more "
        "than noon.",
        "How many steps does {he} take in the evening?",
        "x = a-b : steps : the steps at noon // noon|t = x+c : steps : the steps in the "
        "evening // the evening",
        "a 200 900, b 20 190, c 10 300",
        "a steps, b steps, c steps",
    ),
    T(
        "s_shelf",
        "A shelf has {a} boards and each board carries {b} books. // On each of the {a} "
        "boards of a shelf stand {b} books.|There are {c} such shelves in the room. // The "
        "room has {c} of these shelves.",
        "How many books are in the room?",
        "x = a*b : books : the books on one shelf // one shelf|t = x*c : books : the books "
        "in the room // all books",
        "a 3 8, b 5 20, c 2 9",
        "a boards, b books, c shelves",
    ),
    T(
        "s_ticket_group",
        "An entry costs {a}, but groups pay {b} less per person. // Groups get {b} off the "
        "entry of {a} for each person.|{N} comes with a group of {c} people. // A group of "
        "{c} people comes.",
        "What does the group pay?",
        "x = a-b : $ : the price for one person of the group // the lower price|t = x*c : "
        "$ : the price for the group // what the group pays",
        "a 10 30, b 2 8, c 4 30",
        "a $, b $, c people",
    ),
    T(
        "s_mean2",
        "In four weeks {N} read {a}, {b}, {c} and {d} pages. // {N} read {a} pages, then "
        "{b}, then {c}, then {d}, a week each.",
        "How many pages is that per week on average? // What is the weekly average?",
        "x = a+b+c+d : pages : the pages of all weeks // the sum of the pages|t = x/4 : "
        "pages : the average per week",
        "a 10 60, b 10 60, c 10 60, d 10 60",
        "a pages, b pages, c pages, d pages",
    ),
    T(
        "s_days_left",
        "A book has {a} pages and {N} has read {b}. // {N} has read {b} of the {a} pages "
        "of a book.|From now on {he} reads {c} pages a day. // {He} goes on with {c} pages "
        "every day.",
        "After how many days is the book finished?",
        "x = a-b : pages : the pages to go // what is still unread|t = x/c : days : the "
        "days needed // the number of days",
        "a 60 300, b 10 59, c 4 20",
        "a pages, b pages, c pages",
    ),
    T(
        "s_mix_rate",
        "{N} types {a} words a minute and {M} types {b} words a minute. // In a minute {N} "
        "types {a} words, {M} {b} words.|{N} types for {c} minutes and {M} for {d} "
        "minutes. // {N} spends {c} minutes typing, {M} {d} minutes.",
        "How many more words does {N} type? // How many words is {N} ahead?",
        "x = a*c : words : the words of {N} // {N}'s words|y = b*d : words : the words of "
        "{M} // {M}'s words|t = x-y : words : the difference // how many more {N} types",
        "a 40 80, b 20 40, c 8 20, d 2 8",
        "a words, b words, c minutes, d minutes",
    ),
]


def words(rng: random.Random) -> Trace:
    program = None
    while program is None:
        program = instantiate(rng, rng.choice(TEMPLATES), True)
    return write(rng, program)


# --- stocks: one or two counts that change event by event
# ---------------------------------------------------------------

WHEN = (
    ("In the morning", "At noon", "In the evening", "At night"),
    ("First", "Then", "Later", "At last"),
    ("In May", "In June", "In July", "In August"),
    ("On the first day", "On the second day", "On the third day", "On the fourth day"),
    ("", "", "", ""),
)
STORES = (
    "a pantry",
    "a barn",
    "a storeroom",
    "a warehouse",
    "the school library",
    "a kiosk",
    "a cellar",
    "a museum shop",
    "{n}'s collection",
    "a drawer",
)
UP = (
    "{d} {t} are added",
    "{d} {t} come in",
    "{n} brings {d} {t}",
    "{d} more {t} arrive",
    "{d} {t} are delivered",
    "{n} puts in {d} {t}",
)
DOWN = (
    "{d} {t} are taken away",
    "{d} {t} go out",
    "{n} takes {d} {t}",
    "{d} {t} are sold",
    "{d} {t} get lost",
    "{n} gives {d} {t} to a friend",
)
AFTER = ("the number of {t} {w}", "the {t} {w}", "what is there {w}", "the stock {w}")


def stock(rng: random.Random) -> Trace:
    """A stock with things coming in and going out; the count after every event."""
    thing, name = rng.choice(THINGS), rng.choice(FIRST_NAMES)
    count = rng.choice((rng.randint(5, 60), rng.randint(40, 500)))
    store = rng.choice(STORES).format(n=name)
    lines = [
        rng.choice(
            ("There are {c} {t} in {s}.", "{S} has {c} {t}.", "At first {s} holds {c} {t}.")
        ).format(c=count, t=thing, s=store, S=store[0].upper() + store[1:])
    ]
    given, quantities, last = {"s": Fraction(count)}, [Quantity("s", None, thing)], "s"
    when, after = rng.choice(WHEN), rng.choice(AFTER)
    for i in range(rng.randint(2, 4)):
        down = rng.random() < 0.5 and count > 6
        d = (
            rng.randint(1, count - 2)
            if down
            else rng.choice((rng.randint(2, 40), rng.randint(20, 200)))
        )
        event = rng.choice(DOWN if down else UP).format(d=d, t=thing, n=name)
        lines.append(f"{when[i]} {event}." if when[i] else event[0].upper() + event[1:] + ".")
        count += -d if down else d
        given[f"d{i}"] = Fraction(d)
        moment = (
            "after that"
            if not when[i]
            else rng.choice(("after change {k}", "then")).format(k=i + 1)
        )
        quantities += [
            Quantity(f"d{i}", None, thing),
            Quantity(
                f"r{i}",
                ("-" if down else "+", last, f"d{i}"),
                thing,
                after.format(t=thing, w=moment),
            ),
        ]
        last = f"r{i}"
    ask = rng.choice(
        (
            "How many {t} are there now?",
            "How many {t} are there in the end?",
            "What is the final number of {t}?",
        )
    ).format(t=thing)
    return write(
        rng, Program(" ".join(lines) + " " + ask, given, quantities, last, "scenes", "stock", ask)
    )


def transfer(rng: random.Random) -> Trace:
    """Two owners; some change hands, some come from outside."""
    thing, (p, w) = rng.choice(THINGS), rng.sample(FIRST_NAMES, 2)
    money = rng.random() < 0.3
    unit, show = ("$", "${v}") if money else (thing, "{v} " + thing)
    have = {p: rng.randint(20, 150), w: rng.randint(20, 150)}
    given = {"a": Fraction(have[p]), "b": Fraction(have[w])}
    quantities = [Quantity("a", None, unit), Quantity("b", None, unit)]
    lines, key = (
        [f"{p} has {show.format(v=have[p])} and {w} has {show.format(v=have[w])}."],
        {p: "a", w: "b"},
    )
    for i in range(rng.randint(1, 2)):
        x, y = rng.sample((p, w), 2)
        d = rng.randint(1, max(2, have[x] // 2))
        have[x], have[y] = have[x] - d, have[y] + d
        given[f"d{i}"] = Fraction(d)
        text = rng.choice(
            (
                "{x} gives {d} to {y}.",
                "{y} gets {d} from {x}.",
                "{x} hands {d} over to {y}.",
                "{d} go from {x} to {y}.",
            )
        )
        lines.append(text.format(x=x, y=y, d=show.format(v=d)))
        quantities += [
            Quantity(f"d{i}", None, unit),
            Quantity(
                f"x{i}",
                ("-", key[x], f"d{i}"),
                unit,
                f"what {x} has {rng.choice(('now', 'after that', 'then'))}",
            ),
            Quantity(
                f"y{i}",
                ("+", key[y], f"d{i}"),
                unit,
                f"what {y} has {rng.choice(('now', 'after that', 'then'))}",
            ),
        ]
        key = {x: f"x{i}", y: f"y{i}"}
    much = "How much money" if money else f"How many {thing}"
    if have[p] != have[w] and rng.random() < 0.5:
        rich, poor = (p, w) if have[p] > have[w] else (w, p)
        quantities.append(Quantity("t", ("-", key[rich], key[poor]), unit, "the difference"))
        target, ask = "t", f"{much} more does {rich} have than {poor} then?"
    else:
        who = rng.choice((p, w))
        target, ask = key[who], f"{much} does {who} have in the end?"
    return write(
        rng, Program(" ".join(lines + [ask]), given, quantities, target, "scenes", "transfer", ask)
    )


def make(rng: random.Random, held_out: bool = False) -> Trace:
    trace = rng.choices((words, stock, transfer), (0.64, 0.2, 0.16))[0](rng)
    trace.family = "scenes"
    return trace
