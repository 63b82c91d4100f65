/* The `normalizer` and `pre_tokenizer` of a tokenizer.json as steps and a pattern. Those we do not
 * have are refused by name. */
#ifndef RW_TEXT_PIPELINE_JSON_H
#define RW_TEXT_PIPELINE_JSON_H

#include "core/base/status.h"
#include "core/io/json.h"
#include "core/text/tokenizer_parts.h"

/* `node` may be NULL or JSON null: no such stage. */
rw_status rw_pipeline_normalizer(struct rw_tokenizer *tokenizer, const struct rw_json *node,
                                 struct rw_error *err);
rw_status rw_pipeline_pre_tokenizer(struct rw_tokenizer *tokenizer, const struct rw_json *node,
                                    struct rw_error *err);

/* The boolean member; `missing` when there is none. */
bool rw_pipeline_flag(const struct rw_json *object, const char *key, bool missing);

#endif
