/* From the files of a model folder to a tokenizer: which loader reads them, and the tables that
 * are derived once vocabulary and added tokens are known. It stands above the loaders and encode.c;
 * tokenizer.c, which they all use, knows none of them. */
#include <stdio.h>

#include "core/base/alloc.h"
#include "core/base/file.h"
#include "core/base/util.h"
#include "core/text/encode.h"
#include "core/text/tokenizer_parts.h"

enum {
    PATH_BYTES_MAX = 4096,
};

typedef rw_status load_fn(struct rw_tokenizer *tokenizer, struct rw_str text, struct rw_error *err);

/* The derived tables, once vocabulary and added tokens are known. */
static rw_status finish(struct rw_tokenizer *t, struct rw_error *err)
{
    t->size = t->emit_size;
    for (size_t i = 0; i < t->added_count; i++) {
        size_t need = (size_t)t->added[i].id + 1;
        t->size = t->size < need ? need : t->size;
    }
    for (size_t id = 0; id < t->vocab.size; id++) {
        size_t len = t->vocab.content[id].len;
        t->content_bytes_max = RW_MAX(len, t->content_bytes_max);
    }
    for (unsigned byte = 0; byte < 128; byte++) {
        char c = (char)byte;
        t->ascii_id[byte] = rw_vocab_find(&t->vocab, (struct rw_str){&c, 1});
    }
    if (!rw_added_set_init(&t->added_raw, &t->arena, t->added, t->added_count, false)) {
        return rw_fail_memory(err, "the added tokens");
    }
    return rw_encode_added_tokens(t, err);
}

struct files {
    bool json;            /* `model` is a tokenizer.json */
    struct rw_str model;  /* tokenizer.json or tokenizer.model */
    struct rw_str config; /* tokenizer_config.json, may be empty */
    struct rw_str extra;  /* added_tokens.json, may be empty */
};

static rw_status load_beside(struct rw_tokenizer *tokenizer, const struct files *files,
                             struct rw_error *err)
{
    if (files->json) {
        return rw_tokenizer_load_beside(tokenizer, files->config, files->extra, err);
    }
    return rw_tokenizer_load_config(tokenizer, files->config, err);
}

static rw_status load(load_fn *loader, const struct files *files, struct rw_tokenizer **out,
                      struct rw_error *err)
{
    *out = NULL;
    struct rw_tokenizer *tokenizer = rw_alloc_zero(1, sizeof *tokenizer);
    if (tokenizer == NULL) {
        return rw_fail_memory(err, "a tokenizer");
    }
    rw_arena_init(&tokenizer->arena, RW_TOKENIZER_ARENA_BYTES_MAX);
    rw_status status = loader(tokenizer, files->model, err);
    if (status == RW_OK) {
        status = load_beside(tokenizer, files, err);
    }
    if (status == RW_OK) {
        status = finish(tokenizer, err);
    }
    if (status != RW_OK) {
        rw_tokenizer_close(tokenizer);
        return status;
    }
    *out = tokenizer;
    return RW_OK;
}

rw_status rw_tokenizer_parse(struct rw_str json, struct rw_tokenizer **out, struct rw_error *err)
{
    return load(rw_tokenizer_load_json, &(struct files){.json = true, .model = json}, out, err);
}

rw_status rw_tokenizer_parse_spm(struct rw_str model, struct rw_tokenizer **out,
                                 struct rw_error *err)
{
    return load(rw_tokenizer_load_spm, &(struct files){.model = model}, out, err);
}

/* False when the folder has no such file. */
static bool find_file(const char *dir, const char *name, char path[PATH_BYTES_MAX])
{
    int len = snprintf(path, PATH_BYTES_MAX, "%s/%s", dir, name);
    return len > 0 && len < PATH_BYTES_MAX && rw_file_exists(path);
}

static rw_status read_file(const char *path, struct rw_arena *arena, struct rw_str *text,
                           struct rw_error *err)
{
    return rw_file_read_all(path, RW_TOKENIZER_FILE_BYTES_MAX, arena, text, err);
}

/* A file that may be absent. */
static rw_status read_optional(const char *dir, const char *name, struct rw_arena *arena,
                               struct rw_str *text, struct rw_error *err)
{
    char path[PATH_BYTES_MAX];
    *text = (struct rw_str){NULL, 0};
    return find_file(dir, name, path) ? read_file(path, arena, text, err) : RW_OK;
}

static rw_status open_json(const char *path, const char *dir, struct rw_arena *arena,
                           struct rw_tokenizer **out, struct rw_error *err)
{
    struct files files = {.json = true};
    rw_status status = read_file(path, arena, &files.model, err);
    if (status == RW_OK) {
        status = read_optional(dir, "tokenizer_config.json", arena, &files.config, err);
    }
    if (status == RW_OK) {
        status = read_optional(dir, "added_tokens.json", arena, &files.extra, err);
    }
    return status == RW_OK ? load(rw_tokenizer_load_json, &files, out, err) : status;
}

static rw_status open_spm(const char *path, const char *dir, struct rw_arena *arena,
                          struct rw_tokenizer **out, struct rw_error *err)
{
    struct files files = {.json = false};
    rw_status status = read_file(path, arena, &files.model, err);
    if (status == RW_OK) {
        status = read_optional(dir, "tokenizer_config.json", arena, &files.config, err);
    }
    return status == RW_OK ? load(rw_tokenizer_load_spm, &files, out, err) : status;
}

rw_status rw_tokenizer_open(const char *dir, struct rw_tokenizer **out, struct rw_error *err)
{
    *out = NULL;
    char path[PATH_BYTES_MAX];
    struct rw_arena arena; /* the files */
    rw_arena_init(&arena, 2 * (size_t)RW_TOKENIZER_FILE_BYTES_MAX);
    rw_status status;
    if (find_file(dir, "tokenizer.json", path)) {
        status = open_json(path, dir, &arena, out, err);
    } else if (find_file(dir, "tokenizer.model", path)) {
        status = open_spm(path, dir, &arena, out, err);
    } else {
        status = rw_fail(err, RW_MODEL_UNSUPPORTED, "the model folder holds no tokenizer");
        rw_error_hint(err, "put tokenizer.json (BPE) or tokenizer.model (SentencePiece BPE) in it");
    }
    if (status != RW_OK) {
        rw_error_prefix(err, "tokenizer");
    }
    rw_arena_fini(&arena);
    return status;
}
