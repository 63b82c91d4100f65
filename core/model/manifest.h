/* The reader of rewardd.json, and of the presets, which are written in the same format.
 *
 * Strict: an unknown key or a wrong type is refused with the key's name. Texts of the layout are
 * resolved to token ids with the package's tokenizer here, so that nothing is looked up per
 * request. Format: core/MODEL.md section 4. */
#ifndef RW_MODEL_MANIFEST_H
#define RW_MODEL_MANIFEST_H

#include <stdbool.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/io/json.h"
#include "core/model/chat.h"
#include "core/model/config.h"
#include "core/model/layout.h"
#include "core/model/package.h"
#include "core/model/recipe.h"
#include "core/text/tokenizer.h"

enum {
    RW_GOLDEN_MAX = 256, /* vectors of a package */
};

struct rw_manifest {
    /* what it is read with; borrowed */
    struct rw_arena *arena; /* all results live here */
    const struct rw_config *config;
    const struct rw_tokenizer *tokenizer;
    const struct rw_chat *chat; /* of the folder: template and BOS */
    const char *dir;            /* golden files are looked up here */

    /* what is read */
    struct rw_recipe recipe;
    struct rw_layout layout;
    bool has_kind, has_head, has_post, has_layout;
    bool optional_bias;   /* head.bias is used only when the tensor exists */
    uint32_t context_max; /* 0 = not said */
    const struct rw_json
        *ignore_config; /* keys of config.json that own code does not compute with */
    const struct rw_golden *golden;
    size_t n_golden;
    float golden_tolerance;
};

/* Applies one JSON object on top of what is there: first a preset, then rewardd.json. The text
 * must live as long as the arena. MODEL_CORRUPT names the key. */
rw_status rw_manifest_apply(struct rw_manifest *manifest, const struct rw_json *root,
                            struct rw_error *err);
/* After all: everything that scoring needs is there, and fits together. */
rw_status rw_manifest_check(const struct rw_manifest *manifest, struct rw_error *err);

/* Id of the one token that `text` (special tokens included) encodes to. */
rw_status rw_manifest_token(const struct rw_tokenizer *tokenizer, struct rw_str text, int32_t *id,
                            struct rw_error *err);

#endif
