/* What is said about an answer: the verdict, the evidence that made a text the answer, the rule
 * that decided; and the choices a trainer has. The functions that say it are in answer.h. */
#ifndef RW_ANSWER_VERDICT_H
#define RW_ANSWER_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

enum {
    RW_ANSWER_MAX = 2048, /* bytes of an answer */
};

enum rw_verified {
    RW_VERIFIED_UNKNOWN, /* no reference, or the forms cannot be compared: null on the wire */
    RW_VERIFIED_RIGHT,
    RW_VERIFIED_WRONG,
};

/* What made a piece of text the answer, weakest first. */
#define RW_ANSWER_EVIDENCE_MAP(XX)                                          \
    XX(NONE, "none")                                                        \
    XX(GIVEN, "given")         /* the text is an answer and nothing else */ \
    XX(UNMARKED, "unmarked")   /* the last formula of the last step */      \
    XX(ANNOUNCED, "announced") /* "the answer is", "Answer:" */             \
    XX(HASHES, "hashes")       /* "####" */                                 \
    XX(TAG, "tag")             /* <answer></answer> */                      \
    XX(BOX, "box")             /* \boxed{}, \fbox{} */

enum rw_answer_evidence {
#define XX(name, text) RW_ANSWER_##name,
    RW_ANSWER_EVIDENCE_MAP(XX)
#undef XX
    RW_ANSWER_EVIDENCE,
};

/* The rule that decided, or why nothing did. */
#define RW_ANSWER_RULE_MAP(XX)                                                                   \
    XX(NO_REFERENCE, "no_reference", "there is no reference answer")                             \
    XX(NO_ANSWER, "no_answer", "the trace states no answer")                                     \
    XX(THINKING, "thinking", "the trace has no answer behind its thinking text")                 \
    XX(TAKEN_BACK, "taken_back", "the last box is empty")                                        \
    XX(TOO_LONG, "too_long", "an answer is longer than the limit")                               \
    XX(NO_MEMORY, "no_memory", "there was no memory to compare")                                 \
    XX(UNREAD, "unread", "an answer could not be read whole")                                    \
    XX(KINDS, "kinds", "answers of these kinds cannot be compared")                              \
    XX(AMBIGUOUS, "ambiguous", "an answer can be read in more than one way")                     \
    XX(SAID_BEFORE, "said_before", "unmarked: the reference or something unread stands before")  \
    XX(SEVERAL, "several", "the trace states several answers, and one of them is the reference") \
    XX(SAME_TEXT, "same_text", "the same text")                                                  \
    XX(TEXT, "text", "words that differ may mean the same")                                      \
    XX(NUMBER, "number", "numbers, compared exactly")                                            \
    XX(EXPRESSION, "expression", "expressions, compared by evaluation")                          \
    XX(UNDECIDED, "undecided", "expressions that evaluation cannot tell apart or equal")         \
    XX(ROUNDING, "rounding", "one is a correct rounding of the other")                           \
    XX(TOLERANCE, "tolerance", "numbers within the tolerance")                                   \
    XX(PERCENT, "percent", "a percentage beside a bare number")                                  \
    XX(UNIT, "unit", "units that differ, or that one side lacks")                                \
    XX(NOTE, "note", "the note in brackets says something else than the number")                 \
    XX(LIST, "list", "elements in any order")                                                    \
    XX(TUPLE, "tuple", "elements in their order")                                                \
    XX(SET, "set", "sets")                                                                       \
    XX(INTERVAL, "interval", "intervals and inequalities, by their bounds")                      \
    XX(MATRIX, "matrix", "matrices, element by element")                                         \
    XX(EQUATION, "equation", "equations")                                                        \
    XX(LABEL, "label", "values of different names")                                              \
    XX(CHOICE, "choice", "letters of choices")                                                   \
    XX(TRUTH, "truth", "yes or no")                                                              \
    XX(DATE, "date", "dates")                                                                    \
    XX(RATIO, "ratio", "ratios")

enum rw_answer_rule {
#define XX(name, text, sentence) RW_ANSWER_RULE_##name,
    RW_ANSWER_RULE_MAP(XX)
#undef XX
    RW_ANSWER_RULES,
};

/* Choices a trainer may make; all zero is the default. */
struct rw_answer_options {
    double tolerance;   /* relative: numbers this near are RIGHT; 0 = exactly. Below 1 */
    bool rounding;      /* a correct rounding is RIGHT (else UNKNOWN) */
    bool ordered;       /* lists and sets in the order of the reference */
    bool units;         /* a unit that one side lacks is not RIGHT but UNKNOWN */
    bool any_box;       /* the answer is RIGHT when any box is, not only the last */
    bool read_thinking; /* text inside <think> counts */
};

/* A verdict and how it came about. The slices are borrowed from the texts. */
struct rw_verdict {
    enum rw_verified verified;
    enum rw_answer_rule rule;
    enum rw_answer_evidence evidence;
    struct rw_str answer; /* as it was read; empty: none */
    int64_t step;         /* the step it is a slice of; -1: none */
    size_t begin;         /* its bytes [begin, end) in that step */
    size_t end;
    struct rw_str reference; /* as it was read */
};

const char *rw_answer_evidence_name(enum rw_answer_evidence evidence);
const char *rw_answer_rule_name(enum rw_answer_rule rule);
const char *rw_answer_rule_sentence(enum rw_answer_rule rule);
const char *rw_verified_name(enum rw_verified verified); /* "right", "wrong", "unknown" */

#endif
