/* Between the files of answer.h: from an answer's text to its form, its quantity, and a verdict. */
#ifndef RW_ANSWER_PARTS_H
#define RW_ANSWER_PARTS_H

#include "core/answer/answer.h"
#include "core/answer/value.h"

/* A text without LaTeX wrappers, with one sign for each operation. */
struct rw_answer_form {
    char text[RW_ANSWER_MAX + 1];
    size_t len;
};

enum {
    RW_ANSWER_UNIT_MAX = 64, /* bytes of a unit that is compared loosely */
};

struct rw_answer_quantity {
    bool numeric;
    bool percent;
    bool loose_unit; /* "5m": a unit, or a variable */
    struct rw_answer_value value;
    struct rw_str digits; /* the text, when it is a plain decimal number */
    struct rw_str unit;   /* words behind the number */
};

/* False when the text is too long. */
bool rw_answer_normalise(struct rw_str s, struct rw_answer_form *out);
/* Without white space around and marks behind. */
struct rw_str rw_answer_tidy(struct rw_str s);
/* Is s one pair of brackets with all of the rest inside? *kind is the first one. */
bool rw_answer_enclosed(struct rw_str s, char *kind);
/* What stands behind "x =" and its like. */
struct rw_str rw_answer_right_side(struct rw_str s);

/* Does the word change what the number beside it says: "or", "less", "million"? */
bool rw_answer_word_changes(struct rw_str word);
/* What "million" and its like multiply by; 0 for other words. */
int64_t rw_answer_scale(struct rw_str word);
/* Are these words, from a letter on, a unit or things counted? `attached`: right at the number. */
bool rw_answer_is_unit(struct rw_str unit, bool attached);
enum rw_verified rw_answer_equal_units(const struct rw_answer_quantity *a,
                                       const struct rw_answer_quantity *b);

/* The last formula or number of a step, whole; empty when only a part of it could be told. */
struct rw_str rw_answer_last_number(struct rw_str text);

void rw_answer_read_quantity(struct rw_str s, struct rw_answer_quantity *out);
enum rw_verified rw_answer_equal_quantities(const struct rw_answer_quantity *a,
                                            const struct rw_answer_quantity *b);

/* The verdict on two forms; `depth` counts brackets around them. */
enum rw_verified rw_answer_equal_forms(struct rw_str a, struct rw_str b, int depth);

#endif
