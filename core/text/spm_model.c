/* Loader for tokenizer.model: SentencePiece ModelProto, model type BPE.
 *
 * SentencePiece merges the pair whose concatenation is the piece of highest score. Here every way
 * to cut a piece into two becomes an entry of the merge table with the piece's rank, so that the
 * same merging code serves both formats. */
#include <math.h>
#include <stdlib.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/byte_level.h"
#include "core/text/protobuf.h"
#include "core/text/tokenizer_parts.h"
#include "core/text/unicode.h"

#define SPACE_MARK RW_STR("\xE2\x96\x81") /* U+2581 */

enum piece_type {
    PIECE_NORMAL = 1,
    PIECE_UNKNOWN = 2,
    PIECE_CONTROL = 3,
    PIECE_USER_DEFINED = 4,
    PIECE_UNUSED = 5,
    PIECE_BYTE = 6,
};

struct piece {
    struct rw_str content;
    float score;
    uint32_t type;
    uint32_t rank; /* 0: highest score; equal scores have equal ranks */
};

/* The proto while it is read; pieces live in an arena of the loader. */
struct spm {
    struct piece *pieces;
    size_t count;
    uint64_t model_type;
    bool byte_fallback;
    bool space_is_suffix;
    bool has_charsmap;
    struct rw_str normalizer_name;
    bool add_dummy_prefix;
    bool remove_extra_spaces;
    bool escape_spaces;
};

enum {
    MODEL_TYPE_BPE = 2,
};

/* ---- reading the proto ---- */

static bool read_piece(struct rw_str bytes, struct piece *piece)
{
    *piece = (struct piece){.type = PIECE_NORMAL};
    struct rw_pb pb = {.rest = bytes};
    struct rw_pb_field field;
    while (rw_pb_next(&pb, &field)) {
        if (field.number == 1 && field.wire == RW_PB_BYTES) {
            piece->content = field.bytes;
        } else if (field.number == 2 && field.wire == RW_PB_FIXED32) {
            piece->score = rw_pb_float(&field);
        } else if (field.number == 3 && field.wire == RW_PB_VARINT) {
            piece->type = (uint32_t)field.value;
        }
    }
    return !pb.malformed && isfinite(piece->score) && piece->content.len > 0 &&
           rw_utf8_check(piece->content) == piece->content.len;
}

static bool read_trainer(struct rw_str bytes, struct spm *spm)
{
    struct rw_pb pb = {.rest = bytes};
    struct rw_pb_field field;
    while (rw_pb_next(&pb, &field)) {
        if (field.wire != RW_PB_VARINT) {
            continue;
        }
        if (field.number == 3) {
            spm->model_type = field.value;
        } else if (field.number == 24) {
            spm->space_is_suffix = field.value != 0;
        } else if (field.number == 35) {
            spm->byte_fallback = field.value != 0;
        }
    }
    return !pb.malformed;
}

static bool read_normalizer(struct rw_str bytes, struct spm *spm)
{
    struct rw_pb pb = {.rest = bytes};
    struct rw_pb_field field;
    while (rw_pb_next(&pb, &field)) {
        if (field.wire == RW_PB_BYTES && field.number == 1) {
            spm->normalizer_name = field.bytes;
        } else if (field.wire == RW_PB_BYTES && field.number == 2) {
            spm->has_charsmap = field.bytes.len > 0;
        } else if (field.wire == RW_PB_VARINT && field.number == 3) {
            spm->add_dummy_prefix = field.value != 0;
        } else if (field.wire == RW_PB_VARINT && field.number == 4) {
            spm->remove_extra_spaces = field.value != 0;
        } else if (field.wire == RW_PB_VARINT && field.number == 5) {
            spm->escape_spaces = field.value != 0;
        }
    }
    return !pb.malformed;
}

static size_t count_pieces(struct rw_str model)
{
    struct rw_pb pb = {.rest = model};
    struct rw_pb_field field;
    size_t count = 0;
    while (rw_pb_next(&pb, &field)) {
        count += field.number == 1 && field.wire == RW_PB_BYTES;
    }
    return pb.malformed ? 0 : count;
}

static rw_status read_model(struct rw_str model, struct rw_arena *arena, struct spm *spm,
                            struct rw_error *err)
{
    /* The defaults of the schema. */
    *spm = (struct spm){.model_type = 1,
                        .add_dummy_prefix = true,
                        .remove_extra_spaces = true,
                        .escape_spaces = true};
    size_t count = count_pieces(model);
    if (count == 0 || count > RW_VOCAB_IDS_MAX / 2) {
        return rw_fail(err, RW_MODEL_CORRUPT, "not a SentencePiece model with 1..%d pieces",
                       RW_VOCAB_IDS_MAX / 2);
    }
    spm->pieces = rw_arena_array(arena, count, sizeof *spm->pieces);
    if (spm->pieces == NULL) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for %zu pieces", count);
    }
    struct rw_pb pb = {.rest = model};
    struct rw_pb_field field;
    while (rw_pb_next(&pb, &field)) {
        bool sound = true;
        if (field.wire != RW_PB_BYTES) {
            continue;
        }
        if (field.number == 1) {
            sound = read_piece(field.bytes, &spm->pieces[spm->count++]);
        } else if (field.number == 2) {
            sound = read_trainer(field.bytes, spm);
        } else if (field.number == 3) {
            sound = read_normalizer(field.bytes, spm);
        }
        if (!sound) {
            return rw_fail(err, RW_MODEL_CORRUPT, "the SentencePiece model is malformed");
        }
    }
    return RW_OK;
}

static rw_status check_supported(const struct spm *spm, struct rw_error *err)
{
    static const char *const TYPES[] = {"(0)", "UNIGRAM", "BPE", "WORD", "CHAR"};
    if (spm->model_type != MODEL_TYPE_BPE) {
        rw_fail(err, RW_MODEL_UNSUPPORTED, "SentencePiece model type %s is not supported",
                spm->model_type < 5 ? TYPES[spm->model_type] : "(unknown)");
        rw_error_hint(err, "supported: BPE");
        return RW_MODEL_UNSUPPORTED;
    }
    if (spm->has_charsmap) {
        struct rw_str name = spm->normalizer_name;
        name.len = RW_MIN(name.len, 40);
        rw_fail(err, RW_MODEL_UNSUPPORTED, "SentencePiece normalizer %.*s is not supported",
                RW_STR_ARG(name));
        rw_error_hint(err, "supported: identity");
        return RW_MODEL_UNSUPPORTED;
    }
    if (spm->space_is_suffix || !spm->escape_spaces) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED, "SentencePiece %s is not supported",
                       spm->space_is_suffix ? "treat_whitespace_as_suffix"
                                            : "without escape_whitespaces");
    }
    for (size_t i = 0; i < spm->count; i++) {
        if (spm->pieces[i].type < PIECE_NORMAL || spm->pieces[i].type > PIECE_BYTE ||
            spm->pieces[i].type == PIECE_UNUSED) {
            return rw_fail(err, RW_MODEL_UNSUPPORTED,
                           "SentencePiece piece type %u%s is not "
                           "supported",
                           spm->pieces[i].type,
                           spm->pieces[i].type == PIECE_UNUSED ? " (UNUSED)" : "");
        }
    }
    return RW_OK;
}

/* ---- vocabulary ---- */

/* Ids from spm->count on stand for characters that occur in pieces but are none themselves: a
 * piece can be merged from them, left alone they are unknown. */
static bool is_mergeable(const struct spm *spm, int32_t id)
{
    return id >= 0 && ((size_t)id >= spm->count || spm->pieces[id].type == PIECE_NORMAL);
}

static rw_status load_pieces(struct rw_tokenizer *t, const struct spm *spm, struct rw_error *err)
{
    if (!rw_vocab_init(&t->vocab, &t->arena, 2 * spm->count)) {
        return rw_fail_memory(err, "the SentencePiece tables");
    }
    t->emit_size = spm->count;
    t->unk_id = -1;
    for (size_t i = 0; i < spm->count; i++) {
        struct rw_str content = rw_arena_copy(&t->arena, spm->pieces[i].content);
        if (content.ptr == NULL) {
            return rw_fail_memory(err, "the SentencePiece tables");
        }
        if (!rw_vocab_put(&t->vocab, (int32_t)i, content)) {
            return rw_fail(err, RW_MODEL_CORRUPT, "piece %zu has the content of another", i);
        }
        if (spm->pieces[i].type == PIECE_UNKNOWN) {
            t->unk_id = (int32_t)i;
        }
    }
    return RW_OK;
}

static rw_status add_helpers(struct rw_tokenizer *t, const struct spm *spm, struct rw_error *err)
{
    int32_t next_id = (int32_t)spm->count;
    for (size_t i = 0; i < spm->count; i++) {
        struct rw_str content = t->vocab.content[i];
        size_t end;
        for (size_t at = 0; spm->pieces[i].type == PIECE_NORMAL && at < content.len; at = end) {
            (void)rw_unicode_at(content, at, &end);
            struct rw_str character = rw_str_slice(content, at, end);
            if (rw_vocab_find(&t->vocab, character) >= 0) {
                continue;
            }
            if ((size_t)next_id == t->vocab.size) {
                return rw_fail(err, RW_MODEL_CORRUPT,
                               "most characters of the pieces are no pieces");
            }
            rw_vocab_put(&t->vocab, next_id++, character);
        }
    }
    return RW_OK;
}

/* ---- merges ---- */

static int by_score(const void *left, const void *right)
{
    float a = (*(struct piece *const *)left)->score;
    float b = (*(struct piece *const *)right)->score;
    return (a < b) - (a > b);
}

static bool rank_pieces(struct spm *spm, struct rw_arena *arena)
{
    struct piece **order = rw_arena_array(arena, spm->count, sizeof *order);
    if (order == NULL) {
        return false;
    }
    for (size_t i = 0; i < spm->count; i++) {
        order[i] = &spm->pieces[i];
    }
    qsort(order, spm->count, sizeof *order, by_score);
    for (size_t i = 1; i < spm->count; i++) {
        order[i]->rank = order[i - 1]->rank + (order[i]->score < order[i - 1]->score);
    }
    return true;
}

/* Every cut of every piece into two mergeable halves; counts them only when `put` is false. */
static size_t each_merge(struct rw_tokenizer *t, const struct spm *spm, bool put)
{
    size_t count = 0;
    for (size_t i = 0; i < spm->count; i++) {
        struct rw_str whole = t->vocab.content[i];
        size_t cut = 0;
        while (spm->pieces[i].type == PIECE_NORMAL) {
            (void)rw_unicode_at(whole, cut, &cut);
            if (cut >= whole.len) {
                break;
            }
            int32_t left = rw_vocab_find(&t->vocab, rw_str_slice(whole, 0, cut));
            int32_t right = rw_vocab_find(&t->vocab, rw_str_slice(whole, cut, whole.len));
            if (!is_mergeable(spm, left) || !is_mergeable(spm, right)) {
                continue;
            }
            count++;
            if (put) {
                rw_merges_put(&t->merges, left, right, spm->pieces[i].rank, (int32_t)i);
            }
        }
    }
    return count;
}

static rw_status load_merges(struct rw_tokenizer *t, const struct spm *spm, struct rw_error *err)
{
    size_t count = each_merge(t, spm, false);
    if (count > RW_VOCAB_MERGES_MAX) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED, "the pieces have more than %d merges",
                       RW_VOCAB_MERGES_MAX);
    }
    if (!rw_merges_init(&t->merges, &t->arena, count)) {
        return rw_fail_memory(err, "the SentencePiece tables");
    }
    each_merge(t, spm, true);
    return RW_OK;
}

/* ---- the rest ---- */

/* User-defined pieces are cut out of any text. Control pieces are special; SentencePiece itself
 * never matches them in text, Hugging Face tokenizers do. */
static rw_status load_symbols(struct rw_tokenizer *t, const struct spm *spm, struct rw_error *err)
{
    t->added = rw_arena_array(&t->arena, spm->count, sizeof *t->added);
    if (t->added == NULL) {
        return rw_fail_memory(err, "the SentencePiece tables");
    }
    for (size_t i = 0; i < spm->count; i++) {
        bool special = spm->pieces[i].type == PIECE_CONTROL;
        if (!special && spm->pieces[i].type != PIECE_USER_DEFINED) {
            continue;
        }
        struct rw_str content = t->vocab.content[i];
        if (content.len > RW_ADDED_BYTES_MAX || t->added_count == RW_ADDED_MAX) {
            return rw_fail(err, RW_MODEL_UNSUPPORTED,
                           "piece %zu is one user-defined symbol too "
                           "many or too long",
                           i);
        }
        t->added[t->added_count++] = (struct rw_added){
            .content = content,
            .pattern = content,
            .pattern_is_final = true,
            .id = (int32_t)i,
            .special = special,
            .normalized = !special,
        };
    }
    return RW_OK;
}

static rw_status load_steps(struct rw_tokenizer *t, const struct spm *spm, struct rw_error *err)
{
    bool done = true;
    if (spm->remove_extra_spaces) {
        done = rw_rewrites_add(&t->normalize, (struct rw_rewrite){RW_REWRITE_SQUEEZE});
    }
    if (spm->add_dummy_prefix) {
        struct rw_rewrite prefix = {RW_REWRITE_PREFIX, .a = SPACE_MARK};
        done = done && rw_rewrites_add(&t->normalize, prefix);
    }
    struct rw_rewrite escape = {RW_REWRITE_REPLACE, .a = RW_STR(" "), .b = SPACE_MARK};
    done = done && rw_rewrites_add(&t->normalize, escape);
    return done ? RW_OK : rw_fail_memory(err, "the SentencePiece tables");
}

static rw_status load_unknown(struct rw_tokenizer *t, const struct spm *spm, struct rw_error *err)
{
    t->byte_fallback = spm->byte_fallback;
    t->fuse_unk = true;
    if (t->byte_fallback) {
        return rw_byte_level_resolve(t, err);
    }
    if (t->unk_id < 0) {
        return rw_fail(err, RW_MODEL_CORRUPT, "the SentencePiece model has no unknown piece");
    }
    return RW_OK;
}

static rw_status load_all(struct rw_tokenizer *t, struct rw_str model, struct rw_arena *arena,
                          struct rw_error *err)
{
    struct spm spm;
    rw_status status = read_model(model, arena, &spm, err);
    if (status == RW_OK) {
        status = check_supported(&spm, err);
    }
    if (status == RW_OK && !rank_pieces(&spm, arena)) {
        status = rw_fail_memory(err, "the SentencePiece tables");
    }
    if (status == RW_OK) {
        status = load_pieces(t, &spm, err);
    }
    if (status == RW_OK) {
        status = add_helpers(t, &spm, err);
    }
    if (status == RW_OK) {
        status = load_merges(t, &spm, err);
    }
    if (status == RW_OK) {
        status = load_symbols(t, &spm, err);
    }
    if (status == RW_OK) {
        status = load_steps(t, &spm, err);
    }
    return status == RW_OK ? load_unknown(t, &spm, err) : status;
}

rw_status rw_tokenizer_load_spm(struct rw_tokenizer *tokenizer, struct rw_str model,
                                struct rw_error *err)
{
    struct rw_arena arena;
    rw_arena_init(&arena, RW_TOKENIZER_TREE_BYTES_MAX);
    rw_status status = load_all(tokenizer, model, &arena, err);
    rw_arena_fini(&arena);
    return status;
}
