/* Inside of a tokenizer: what the loaders (tokenizer_json.c, spm_model.c) fill and encode reads.
 * Only for files of this folder. */
#ifndef RW_TEXT_TOKENIZER_PARTS_H
#define RW_TEXT_TOKENIZER_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "core/text/added.h"
#include "core/text/around.h"
#include "core/text/pretokenize.h"
#include "core/text/tokenizer.h"
#include "core/text/vocab.h"

enum {
    RW_TOKENIZER_FILE_BYTES_MAX = 128 << 20,  /* tokenizer.json or tokenizer.model */
    RW_TOKENIZER_ARENA_BYTES_MAX = 512 << 20, /* tables of one tokenizer */
    RW_TOKENIZER_TREE_BYTES_MAX = 1 << 30,    /* parsed JSON, while loading */
    RW_TOKENIZER_STEPS_MAX = 8,               /* normalisation steps */
    RW_ENCODE_BYTES_MAX = 256 << 20,          /* input of one encode call */
};

/* One rewriting step; steps run in the order of their list. */
struct rw_rewrite {
    enum rw_rewrite_kind {
        RW_REWRITE_NFC,
        RW_REWRITE_PREFIX,  /* `a` before the text, unless it starts with `b` */
        RW_REWRITE_REPLACE, /* `a` becomes `b` */
        RW_REWRITE_SQUEEZE, /* SentencePiece remove_extra_whitespaces */
    } kind;
    bool first_only; /* PREFIX: only at offset 0 of the input */
    struct rw_str a;
    struct rw_str b;
};

struct rw_rewrites {
    struct rw_rewrite step[RW_TOKENIZER_STEPS_MAX];
    size_t count;
};

/* The character that stands for a byte in a byte-level vocabulary, in UTF-8. */
struct rw_byte_char {
    char bytes[2];
    uint8_t len;
};

struct rw_tokenizer {
    struct rw_arena arena;
    size_t size; /* largest id + 1, added tokens included */

    /* text is cut at raw added tokens, normalised, cut at normalised ones, prepared, cut into
     * words; the words are merged */
    struct rw_added *added;
    size_t added_count;
    struct rw_added_set added_raw;
    struct rw_rewrites normalize;
    struct rw_added_set added_normalized;
    struct rw_rewrites prepare;
    enum rw_pattern pattern;

    struct rw_vocab vocab; /* contents as in the file: byte-level ones in their alphabet */
    struct rw_merges merges;
    size_t content_bytes_max;           /* longest content */
    bool ignore_merges;                 /* a word that is a token is that token */
    bool byte_level;                    /* symbols are bytes; else characters */
    struct rw_byte_char byte_char[256]; /* byte_level */
    int32_t byte_id[256];    /* byte_level: symbol of a byte; else: its <0xNN> token; -1: none */
    int32_t ascii_id[128];   /* character symbols: shortcut past the vocabulary; -1: none */
    bool byte_fallback;      /* an unknown character becomes byte_id of its bytes */
    int32_t unk_id;          /* else this token */
    bool fuse_unk;           /* neighbouring unknown characters are one token */
    struct rw_around around; /* tokens of the post-processor */
    size_t emit_size;        /* symbols with an id from here on exist for merging only */
};

/* Loaders: fill an empty tokenizer whose arena is initialised; the caller adds the derived tables
 * and frees on failure. The text need not outlive the call. */
rw_status rw_tokenizer_load_json(struct rw_tokenizer *tokenizer, struct rw_str text,
                                 struct rw_error *err);
rw_status rw_tokenizer_load_spm(struct rw_tokenizer *tokenizer, struct rw_str model,
                                struct rw_error *err);
/* Adds the added_tokens_decoder of a tokenizer_config.json to a tokenizer loaded from
 * tokenizer.model, which by itself does not know them, and what it puts around a text. `text` may
 * be empty. */
rw_status rw_tokenizer_load_config(struct rw_tokenizer *tokenizer, struct rw_str text,
                                   struct rw_error *err);

/* The same beside a tokenizer.json, which by itself has most of them: those it lacks are added, as
 * transformers does. `extra` is added_tokens.json, which counts where the table is absent; both may
 * be empty. MODEL_UNSUPPORTED when an id is not the one that the reference would give. */
rw_status rw_tokenizer_load_beside(struct rw_tokenizer *tokenizer, struct rw_str config,
                                   struct rw_str extra, struct rw_error *err);

/* A tokenizer.model in memory without tokenizer_config.json, for fuzzing. */
rw_status rw_tokenizer_parse_spm(struct rw_str model, struct rw_tokenizer **out,
                                 struct rw_error *err);

/* False when the list is full. */
bool rw_rewrites_add(struct rw_rewrites *steps, struct rw_rewrite step);

#endif
