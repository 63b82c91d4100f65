/* The way from text to ids: cut at added tokens, normalise, cut into words, merge.
 * An entry point that only tokenizer_open.c needs; the public one is rw_tokenizer_encode. */
#ifndef RW_TEXT_ENCODE_H
#define RW_TEXT_ENCODE_H

#include "core/text/tokenizer_parts.h"

/* Runs the normaliser over the contents of `normalized` added tokens, as the reference does, and
 * builds their set. */
rw_status rw_encode_added_tokens(struct rw_tokenizer *tokenizer, struct rw_error *err);

#endif
