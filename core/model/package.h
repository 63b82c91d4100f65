/* A model package: a Hugging Face folder (config.json, tokenizer.json or tokenizer.model,
 * *.safetensors) and, optionally, rewardd.json with what the folder does not say: recipe, layout,
 * default aggregate, context limit, golden vectors.
 *
 * Opening reads everything but the weights. A package is immutable afterwards and may be used from
 * any thread; it owns its tokenizer and checkpoint. */
#ifndef RW_MODEL_PACKAGE_H
#define RW_MODEL_PACKAGE_H

#include <time.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/io/checkpoint.h"
#include "core/model/config.h"
#include "core/model/places.h"
#include "core/model/recipe.h"
#include "core/text/tokenizer.h"

enum {
    RW_PACKAGE_EVIDENCE_MAX = 160, /* bytes */
    RW_PACKAGE_PURPOSE_MAX = 512,  /* bytes */
};

/* Ids and expected values of one trace; the loader refuses a model that does not reproduce them. */
struct rw_golden {
    const int32_t *ids;
    uint32_t n_tokens;
    const uint32_t *positions;
    const float *raw; /* float32 reference */
    uint32_t n_positions;
};

struct rw_package {
    struct rw_arena arena; /* owns all strings and arrays below */
    const char *dir;
    const char *base; /* of a lone adapter; NULL for others */
    struct rw_config config;
    struct rw_recipe recipe;
    const struct rw_layout *layout;
    struct rw_places places; /* of the layout */
    struct rw_tokenizer *tokenizer;
    struct rw_checkpoint *checkpoint;
    const struct rw_golden *golden;
    size_t n_golden;
    float golden_tolerance;                 /* absolute, on raw, float32 path */
    uint32_t context_max;                   /* tokens: the smaller of config and rewardd.json */
    struct tm now;                          /* what a template that asks for the date is told */
    bool uses_date;                         /* it asks */
    char purpose[RW_PACKAGE_PURPOSE_MAX];   /* first line of purpose.txt; empty = no such file */
    char evidence[RW_PACKAGE_EVIDENCE_MAX]; /* what decided how it is scored, for people */
    char digest[65]; /* SHA-256 over weights' digest, config, tokenizer, recipe and layout */
};

struct rw_package_request {
    const char *dir;
    const char *base;      /* of a LoRA adapter whose base lies in another folder, else NULL; files
                              that the adapter's folder lacks (config.json, tokenizer) are its */
    const char *preset;    /* NULL to recognise it; otherwise a name of rw_preset_names() */
    const struct tm *date; /* what a template that asks is told; NULL: RW_CHAT_DATE */
};

rw_status rw_package_open_as(const struct rw_package_request *request, struct rw_package **out,
                             struct rw_error *err);
/* The folder alone. */
rw_status rw_package_open(const char *dir, const char *preset, struct rw_package **out,
                          struct rw_error *err);
/* What every user of a package relies on; asserts. The readers refuse a folder in which it does not
 * hold; a case they forgot ends here, when the package is open, and not in a score. */
void rw_package_check(const struct rw_package *package);
void rw_package_close(struct rw_package *package); /* NULL is fine */

#endif
