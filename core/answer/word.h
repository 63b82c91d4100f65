/* English and Chinese words beside a number: units and things counted, and the words that change
 * what a number says. Pure; any thread. */
#ifndef RW_ANSWER_WORD_H
#define RW_ANSWER_WORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

/* A short word that is never a product of letters: "or", "of", "max". */
bool rw_word_plain(struct rw_str word);
/* Does the word change what the number beside it says: "or", "less", "thirds", "squared"? */
bool rw_word_changes(struct rw_str word);
/* What "million" and its like multiply by; 0 for other words. */
int64_t rw_word_scale(struct rw_str word);
/* "seven", "twelve", "forty", "twenty-one"; -1 for other words. */
int rw_word_number(struct rw_str word);
bool rw_word_percent(struct rw_str word);
/* "about", "roughly": the number behind is not meant exactly. */
bool rw_word_about(struct rw_str word);
/* "which", "because": what follows says something about the answer and is no part of it. */
bool rw_word_clause(struct rw_str word);
/* Words before an answer that say nothing: "is", "therefore", "option". */
bool rw_word_lead(struct rw_str word);
/* May the word stand in a unit or count things; `first` beside the number? */
bool rw_word_unit(struct rw_str word, bool first);
/* Of Chinese and its like: counts or measures, and changes nothing. */
bool rw_word_foreign_unit(struct rw_str word);
/* A unit of up to three letters: "km", "s". Case counts. */
bool rw_word_short_unit(struct rw_str word);
/* One name for the names of a unit: "kilometres" is "km"; other words as they are, without the s
 * of the plural. */
struct rw_str rw_word_unit_name(struct rw_str word);
/* Is the unit one that others convert to: metres, hours, dollars; not apples? */
bool rw_word_measures(struct rw_str unit);
/* "$" of a currency sign; NULL: none known. */
const char *rw_word_currency(struct rw_str sign);

#endif
