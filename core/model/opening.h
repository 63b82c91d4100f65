/* A package while it is opened. Internal to package_open.c, which reads the files, and
 * opening_head.c, which holds the recipe's head against the tensors that are there. */
#ifndef RW_MODEL_OPENING_H
#define RW_MODEL_OPENING_H

#include "core/model/chat_files.h"
#include "core/model/manifest.h"
#include "core/model/package.h"
#include "core/model/preset.h"

/* What opening needs besides the package itself. */
struct rw_opening {
    struct rw_package *package;
    struct rw_arena scratch; /* the tokenizer's text, for the digest */
    struct rw_str config_text;
    const struct rw_json *config_root;
    struct rw_chat chat;
    struct rw_str manifest_text;
    const struct rw_preset *preset;
    bool own_post; /* rewardd.json says which class is good */
    struct rw_manifest manifest;
    struct rw_error *err;
};

/* The tensors of the head exist in the shapes that the recipe says. */
rw_status rw_opening_check_head(struct rw_opening *o);
/* The recipe's post-processing fits the number of outputs, and labels name the good class. */
rw_status rw_opening_check_post(struct rw_opening *o);

#endif
