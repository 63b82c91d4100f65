/* Files of a package that contradict one another: each would give a number that is not the
 * reference's, so the load is refused. */
#ifndef RW_MODEL_CONTRADICTION_H
#define RW_MODEL_CONTRADICTION_H

#include "core/base/status.h"
#include "core/io/checkpoint.h"
#include "core/model/config.h"
#include "core/model/recipe.h"
#include "core/text/tokenizer.h"

struct rw_contradiction_files {
    const struct rw_config *config;
    const struct rw_recipe *recipe;
    const struct rw_checkpoint *checkpoint;
    const struct rw_tokenizer *tokenizer;
};

/* Under ZeRO-3 every rank holds a part of a tensor; saved without gathering, nothing is in the file
 * but names. Looks at the embedding. */
rw_status rw_contradiction_gathered(const struct rw_config *config,
                                    const struct rw_checkpoint *checkpoint, struct rw_error *err);

/* - tie_word_embeddings beside a stored output matrix with other values (transformers 4 takes the
 *   embedding, 5 the stored one);
 * - a bias of the head that the recipe's class does not have;
 * - fewer embeddings than plain text can become. */
rw_status rw_contradiction_check(const struct rw_contradiction_files *files, struct rw_error *err);

#endif
