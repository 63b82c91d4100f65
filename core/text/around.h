/* The tokens that a tokenizer's own post-processor puts around one text: <s> before, </s> behind.
 *
 * tokenizer.json says it in its post_processor; transformers 5 takes nothing else beside that file.
 * A folder with tokenizer.model only has add_bos_token and add_eos_token of tokenizer_config.json,
 * which the SentencePiece classes set to true and false where they are absent. */
#ifndef RW_TEXT_AROUND_H
#define RW_TEXT_AROUND_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/io/json.h"
#include "core/text/vocab.h"

enum {
    RW_AROUND_MAX = 4, /* tokens on each side */
};

struct rw_around {
    int32_t begin[RW_AROUND_MAX];
    int32_t end[RW_AROUND_MAX];
    size_t n_begin;
    size_t n_end;
};

/* post_processor of tokenizer.json; NULL or null puts nothing. MODEL_UNSUPPORTED on a kind that the
 * reference library does not have. */
rw_status rw_around_parse(const struct rw_json *post_processor, struct rw_around *out,
                          struct rw_error *err);

#endif
