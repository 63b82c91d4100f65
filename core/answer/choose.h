/* Which of the places of a trace is its answer, and reading it.
 *
 * The last place whose text reads as an answer; boxes and tags count whatever is in them, and boxes
 * that stand in a row are one list. Without a place: the whole text, when it is an answer and
 * nothing else; then its last formula. Pure but for the arena; any thread. */
#ifndef RW_ANSWER_CHOOSE_H
#define RW_ANSWER_CHOOSE_H

#include "core/answer/find.h"
#include "core/answer/lexeme.h"
#include "core/answer/node.h"

/* An answer that was read. Lies where it was made: the tree points into it. */
struct rw_reading {
    struct rw_str text;
    bool math;
    bool lexed;
    struct rw_lexemes lexemes;
    const struct rw_node *node; /* NULL: not read yet, or no memory */
};

void rw_choose_read(struct rw_str text, bool math, struct rw_arena *arena, struct rw_reading *out);

/* The answer of a text, and what to read it from. */
struct rw_choice {
    enum rw_answer_evidence evidence;
    int64_t step;
    size_t begin;
    size_t end;
    bool math;
    size_t place;    /* of the evidence, when it is marked */
    bool taken_back; /* the last box is empty */
    bool guessed;    /* the last formula of a text, for want of anything better */
    bool joined;     /* several boxes, as one list */
};

/* False: the trace states no answer, and out->step is -1. */
bool rw_choose(const struct rw_found *f, struct rw_arena *arena, struct rw_choice *out);
/* Of the marked places only. */
bool rw_choose_marked(const struct rw_found *f, struct rw_arena *arena, struct rw_choice *out);
void rw_choose_place(const struct rw_found *f, size_t at, struct rw_choice *out);
struct rw_str rw_choice_text(const struct rw_found *f, const struct rw_choice *c);
/* The part of a step that counts: behind the thinking, before an end token. */
struct rw_str rw_choose_counted(const struct rw_found *f, size_t step);

#endif
