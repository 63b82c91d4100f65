/* A bounded JSON reader for model files: config.json, tokenizer.json, the safetensors header, the
 * shard index, rewardd.json.
 *
 * It is not the reader of request bodies (proto/ has that). Strings carry their length and are
 * decoded; U+0000 and lone surrogates are refused, so are duplicate keys, trailing bytes, invalid
 * UTF-8 and nesting over the limit. All memory comes from the caller's arena, whose cap bounds it.
 * The input text must outlive the tree: strings without escapes point into it. */
#ifndef RW_IO_JSON_H
#define RW_IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"

enum {
    RW_JSON_DEPTH_MAX = 64, /* nested arrays and objects */
};

enum rw_json_type {
    RW_JSON_NULL,
    RW_JSON_FALSE,
    RW_JSON_TRUE,
    RW_JSON_NUMBER,
    RW_JSON_STRING,
    RW_JSON_ARRAY,
    RW_JSON_OBJECT,
};

struct rw_json {
    enum rw_json_type type;
    struct rw_str key;     /* member name when the parent is an object */
    struct rw_str text;    /* STRING: decoded; NUMBER: the literal */
    double number;         /* NUMBER; finite */
    size_t count;          /* ARRAY, OBJECT: children */
    struct rw_json *child; /* first child or NULL */
    struct rw_json *next;  /* next sibling or NULL */
};

rw_status rw_json_parse(struct rw_arena *arena, struct rw_str text, const struct rw_json **root,
                        struct rw_error *err);

#define RW_JSON_EACH(item, parent)                                                             \
    for (const struct rw_json *item = (parent) != NULL ? (parent)->child : NULL; item != NULL; \
         item = item->next)

/* The member, or NULL when `object` is NULL, not an object, or has none. Linear: keep it off maps
 * of tokens. */
const struct rw_json *rw_json_get(const struct rw_json *object, const char *key);
bool rw_json_is_string(const struct rw_json *value, const char *text);
/* A non-negative integer written without fraction or exponent; false on anything else. */
bool rw_json_u64(const struct rw_json *value, uint64_t *out);
bool rw_json_i64(const struct rw_json *value, int64_t *out);

/* rw_json_parse of a model's file: what is no JSON is a corrupt model, not a bad request; messages
 * begin with the file's name. */
rw_status rw_json_parse_file(struct rw_arena *arena, struct rw_str text, const char *name,
                             const struct rw_json **out, struct rw_error *err);

#endif
