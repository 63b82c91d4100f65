"""Word lists: names and things. Those of the held-out sets are not among them."""

FIRST_NAMES = (
    "Aaron Abby Adam Adele Ahmed Alan Alex Alina Amir Amy Andre Andy Angela Anita Anton "
    "April Arun Asha Ashley Bella Betty "
    "Bill Bobby Brian Bruno Carl Carmen Carol Cathy Cedric Chen Chloe Cindy Cleo Colin "
    "Cora Craig Daisy Dan Daniel Deborah "
    "Derek Diana Diego Donna Doris Dylan Ed Edith Elena Eli Ella Elsa Emil Emily Erin "
    "Esther Ethan Eva Evan Faith Farah Felix "
    "Fiona Floyd Fred Gary Gina Gloria Greg Gus Hana Hank Harry Hassan Hazel Helen Hugo "
    "Ian Igor Ines Isaac Ivan Jade Jake "
    "James Jan Jane Jared Jason Jay Jean Jenny Jerome Jill Jim Joan Joe John Jonas Jose "
    "Josh Joy Juan Judy June Karen Karl "
    "Kate Keith Ken Kevin Kim Kyle Lara Larry Laura Layla Lea Lena Leon Lila Linda Lisa "
    "Logan Lola Lorenzo Luis Luke Lydia "
    "Mai Marco Margo Marta Martin Mary Matt Max Mei Mia Mike Milo Mira Molly Nadia Nancy "
    "Nate Neil Nick Nico Nora Oscar Otto "
    "Owen Pablo Pam Pat Paula Penny Pete Phil Pia Priya Quinn Rachel Raj Ralph Ravi Ray "
    "Rex Rita Rob Robin Roger Ron Rosie Roy "
    "Ruby Ruth Ryan Sally Sandra Sara Scott Sean Selma Seth Shawn Sheila Sid Simon Sonia "
    "Stan Steve Sue Susan Sylvia Tara Ted "
    "Terry Theo Tim Toby Todd Tony Tracy Troy Uma Vera Vince Wade Walter Wanda Will Xavier "
    "Yara Yusuf Zach Zoe"
).split()
THINGS = (
    "apples pencils books cookies marbles stickers cards oranges pens toys flowers eggs "
    "cupcakes notebooks candles bottles "
    "shirts balloons muffins stamps shells coins bananas pears plums peaches lemons "
    "cherries grapes nuts potatoes carrots onions "
    "peppers beans pumpkins melons bagels donuts pies cakes sandwiches pizzas tacos "
    "candies lollipops chocolates jars cans boxes "
    "bags baskets buckets cups plates bowls spoons forks knives towels blankets pillows "
    "socks shoes hats scarves gloves jackets "
    "belts buttons ribbons beads rings necklaces bracelets watches keys magnets rocks "
    "bricks tiles planks nails screws bolts "
    "hammers brushes crayons markers erasers rulers folders envelopes letters magazines "
    "comics newspapers posters photos "
    "paintings tickets tokens medals trophies puzzles dolls robots cars trucks trains "
    "planes boats kites balls bats rackets "
    "ropes tents lamps chairs tables desks clocks mirrors vases fish birds ducks hens "
    "goats sheep cows horses rabbits turtles "
    "frogs bees seeds plants trees roses tulips leaves branches logs stones pebbles "
    "feathers acorns badges masks flags "
    "bulbs batteries cables phones tablets discs records games blocks cubes dice chips "
    "straws napkins tissues soaps"
).split()
SINGULAR = (
    "apple pencil book cookie marble sticker card orange pen toy flower egg cupcake "
    "notebook candle bottle shirt balloon muffin stamp "
    "shell coin banana pear plum peach lemon cherry nut potato carrot onion pepper bean "
    "pumpkin melon bagel pie cake sandwich "
    "pizza taco jar can box bag basket bucket cup plate bowl spoon fork knife towel "
    "blanket pillow sock shoe hat scarf glove "
    "jacket belt button ribbon bead ring necklace bracelet watch key magnet rock brick "
    "tile plank nail screw bolt hammer brush "
    "crayon marker eraser ruler folder envelope letter magazine comic newspaper poster "
    "photo painting ticket token medal trophy "
    "puzzle doll robot car truck train plane boat kite ball bat racket rope tent lamp "
    "chair table desk clock mirror vase map "
    "whistle trumpet guitar piano compass novel diary wallet helmet ladder"
).split()
COLORS = "red blue green yellow white black pink brown gray gold purple orange silver".split()
PLACES = [
    "It is a sunny day.",
    "The school has a fair.",
    "A class is going on a trip.",
    "The market opens at nine.",
    "It is the last week of the month.",
    "Some friends meet in the park.",
    "The holidays have begun.",
    "A club has its yearly meeting.",
]
