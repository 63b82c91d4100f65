/* The words and signs a trace is marked with: thinking text, end tokens, the next question, options
 * of a multiple choice. Pure; any thread. Bytes 0: it does not stand here. */
#ifndef RW_ANSWER_MARKS_H
#define RW_ANSWER_MARKS_H

#include <stdbool.h>

#include "core/base/str.h"
#include "core/base/util.h"

static inline char rw_marks_at(struct rw_str s, size_t at)
{
    return at < s.len ? s.ptr[at] : 0;
}

/* Does the text go on so, whatever the case? */
bool rw_marks_word(struct rw_str s, size_t at, const char *word);
/* The bytes of the first of the list that stands here. */
size_t rw_marks_one_of(struct rw_str s, size_t at, const char *const *list, size_t n);
#define RW_MARKS_ONE_OF(s, at, list) rw_marks_one_of(s, at, list, RW_COUNT(list))
/* Behind the bytes of `set` that stand here. */
size_t rw_marks_skip(struct rw_str s, size_t at, const char *set);

bool rw_marks_end_token(struct rw_str s, size_t at);
size_t rw_marks_opens_thinking(struct rw_str s, size_t at);
size_t rw_marks_closes_thinking(struct rw_str s, size_t at);
/* Another question begins at this line: a model that runs on. */
bool rw_marks_next_question(struct rw_str s, size_t line);
/* Announcements without the word "answer": "the correct option is" and its Chinese name before a
 * letter, "Ans:". *sentence: what follows may be a sentence with the answer at its end. */
size_t rw_marks_announces(struct rw_str s, size_t at, bool *sentence);

#endif
