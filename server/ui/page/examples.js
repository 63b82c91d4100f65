// Chosen by trying the default models: tests/e2e/test_page.py holds that each shows what it says.

const ANNA = "Anna buys 5 books at $4 each. She also buys 3 pens at $2 each. How much does Anna spend in total?";

// The part of the calibration bank they are compared with, where a model has one of that name.
export const DOMAIN = "word_problems";

export const EXAMPLES = [
  {
    name: "A good trace",
    says: "Every step follows from the one before. All bars should be long.",
    prompt: ANNA,
    solution: "The cost of the books is 5 * $4 = $20.\nThe cost of the pens is 3 * $2 = $6.\nThe total cost is $20 + $6 = $26.\nThe answer is $26.",
  },
  {
    name: "A wrong step",
    says: "The second step has a slip: 3 * $2 is not $9. The bars should fall there and stay down.",
    prompt: ANNA,
    solution: "The cost of the books is 5 * $4 = $20.\nThe cost of the pens is 3 * $2 = $9.\nThe total cost is $20 + $9 = $29.\nThe answer is $29.",
  },
  {
    name: "A copied hint",
    says: "The answer is right, but the second step copies it from the hint. The outcome model pays for that; the process model should not.",
    prompt: ANNA + " (Hint: the answer is $26.)",
    solution: "The cost of the books is 5 * $4 = $20.\nAs the hint says, the answer is $26.\nThe answer is $26.",
  },
];
