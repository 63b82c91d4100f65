/* Where a trace states its answer: the places, and what makes each of them an answer.
 *
 * The text is read once, forwards. Thinking text (<think>...</think> and its like) does not count,
 * nor does what stands behind an end token (<|im_end|>, </s>) or behind an answer where another
 * question begins ("Question:", "Human:" at the start of a line). Calculator notes of GSM8K,
 * <<30+20=50>>, are blanked out. Of more than RW_FIND_PLACES_MAX places the last ones are kept.
 *
 * Pure but for the arena, which holds copies of texts with calculator notes. Any thread. Linear. */
#ifndef RW_ANSWER_FIND_H
#define RW_ANSWER_FIND_H

#include "core/answer/verdict.h"
#include "core/base/arena.h"

enum {
    RW_FIND_PLACES_MAX = 24,
    RW_FIND_TAIL_MAX =
        1024, /* bytes at the end of a step in which an unmarked answer is looked for */
};

struct rw_place {
    enum rw_answer_evidence evidence;
    size_t step;
    size_t mark;  /* where the evidence begins: the backslash of \boxed */
    size_t begin; /* bytes of the answer in the step */
    size_t end;
    size_t behind; /* behind the evidence: the brace of \boxed{} */
    bool sentence; /* a colon announced it: it may be a sentence with the answer at its end */
};

struct rw_found {
    const struct rw_str *steps; /* without calculator notes; in the arena or borrowed */
    size_t n_steps;             /* up to the end token or the next question */
    struct rw_place place[RW_FIND_PLACES_MAX]; /* in the order of the text */
    size_t n;
    bool thought;       /* there is thinking text, and it does not count */
    size_t first;       /* the step the answer's text begins in, behind the thinking */
    size_t first_begin; /* and its byte in that step */
    size_t last_end;    /* bytes of the last step that count */
};

/* False: no memory. */
bool rw_find(const struct rw_str *steps, size_t n_steps, bool read_thinking, struct rw_arena *arena,
             struct rw_found *out);

/* guess.c: the last formula or number of a text, whole; empty when only a part of it could be told.
 * *math: it stands between dollar signs or their like. Looks at the last RW_FIND_TAIL_MAX bytes. */
struct rw_str rw_find_last_formula(struct rw_str text, bool *math);

/* Without white space and the marks of emphasis and quotation around. */
struct rw_str rw_find_trim(struct rw_str s);

#endif
