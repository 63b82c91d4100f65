/* Loader for the tokenizer.json of Hugging Face tokenizers, model BPE. What would make ids differ
 * from the reference and is not implemented is refused by name; what cannot (decoder,
 * post-processor, truncation, padding) is ignored: the layout places BOS and EOS, and nothing is
 * truncated here. */
#include <string.h>

#include "core/base/buf.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "core/text/byte_level.h"
#include "core/text/pipeline_json.h"
#include "core/text/tokenizer_parts.h"

enum {
    MERGE_BYTES_MAX = 1 << 16, /* content of a merged token */
};

static bool is_absent(const struct rw_json *node)
{
    return node == NULL || node->type == RW_JSON_NULL;
}

static bool is_blank(const struct rw_json *node)
{
    return is_absent(node) || rw_json_is_string(node, "");
}

/* ---- vocabulary ---- */

static bool id_of(const struct rw_json *value, int32_t *id)
{
    uint64_t number;
    if (!rw_json_u64(value, &number) || number >= RW_VOCAB_IDS_MAX) {
        return false;
    }
    *id = (int32_t)number;
    return true;
}

static rw_status vocab_size(const struct rw_json *vocab, size_t *size, struct rw_error *err)
{
    if (vocab == NULL || vocab->type != RW_JSON_OBJECT || vocab->count == 0) {
        return rw_fail(err, RW_MODEL_CORRUPT, "model.vocab is missing or empty");
    }
    *size = 0;
    RW_JSON_EACH (item, vocab) {
        int32_t id;
        if (!id_of(item, &id)) {
            return rw_fail(err, RW_MODEL_CORRUPT, "model.vocab holds an id that is not in 0..%d",
                           RW_VOCAB_IDS_MAX - 1);
        }
        *size = (size_t)id + 1 > *size ? (size_t)id + 1 : *size;
    }
    return RW_OK;
}

static rw_status load_vocab(struct rw_tokenizer *t, const struct rw_json *vocab,
                            struct rw_error *err)
{
    size_t size = 0;
    rw_status status = vocab_size(vocab, &size, err);
    if (status != RW_OK) {
        return status;
    }
    if (!rw_vocab_init(&t->vocab, &t->arena, size)) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for a vocabulary of %zu tokens", size);
    }
    t->emit_size = size;
    RW_JSON_EACH (item, vocab) {
        int32_t id = (int32_t)item->number;
        struct rw_str content = rw_arena_copy(&t->arena, item->key);
        if (content.ptr == NULL) {
            return rw_fail(err, RW_NO_MEMORY, "no memory for a vocabulary of %zu tokens", size);
        }
        if (!rw_vocab_put(&t->vocab, id, content)) {
            return rw_fail(err, RW_MODEL_CORRUPT, "model.vocab gives id %d twice", (int)id);
        }
    }
    return RW_OK;
}

/* ---- merges ---- */

/* "a b", or ["a", "b"]; a token that holds a space can only be written the second way. */
static bool merge_halves(const struct rw_json *item, struct rw_str *left, struct rw_str *right)
{
    if (item->type == RW_JSON_STRING) {
        size_t space = rw_str_find(item->text, RW_STR(" "), 0);
        if (space == item->text.len ||
            rw_str_find(item->text, RW_STR(" "), space + 1) < item->text.len) {
            return false;
        }
        *left = rw_str_slice(item->text, 0, space);
        *right = rw_str_slice(item->text, space + 1, item->text.len);
        return true;
    }
    if (item->type != RW_JSON_ARRAY || item->count != 2 || item->child->type != RW_JSON_STRING ||
        item->child->next->type != RW_JSON_STRING) {
        return false;
    }
    *left = item->child->text;
    *right = item->child->next->text;
    return true;
}

static rw_status add_merge(struct rw_tokenizer *t, const struct rw_json *item, uint32_t rank,
                           struct rw_buf *whole, struct rw_error *err)
{
    struct rw_str left;
    struct rw_str right;
    if (!merge_halves(item, &left, &right)) {
        return rw_fail(err, RW_MODEL_CORRUPT, "model.merges[%u] is not a pair of tokens", rank);
    }
    rw_buf_clear(whole);
    if (!rw_buf_append_str(whole, left) || !rw_buf_append_str(whole, right)) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for model.merges[%u]", rank);
    }
    int32_t left_id = rw_vocab_find(&t->vocab, left);
    int32_t right_id = rw_vocab_find(&t->vocab, right);
    int32_t id = rw_vocab_find(&t->vocab, rw_buf_str(whole));
    if (left_id < 0 || right_id < 0 || id < 0) {
        return rw_fail(err, RW_MODEL_CORRUPT,
                       "model.merges[%u] names a token that is not in the vocabulary", rank);
    }
    rw_merges_put(&t->merges, left_id, right_id, rank, id);
    return RW_OK;
}

static rw_status load_merges(struct rw_tokenizer *t, const struct rw_json *merges,
                             struct rw_error *err)
{
    if (merges == NULL || merges->type != RW_JSON_ARRAY || merges->count > RW_VOCAB_MERGES_MAX) {
        return rw_fail(err, RW_MODEL_CORRUPT, "model.merges is not a list of at most %d pairs",
                       RW_VOCAB_MERGES_MAX);
    }
    if (!rw_merges_init(&t->merges, &t->arena, merges->count)) {
        return rw_fail(err, RW_NO_MEMORY, "no memory for %zu merges", merges->count);
    }
    struct rw_buf whole;
    rw_buf_init(&whole, MERGE_BYTES_MAX);
    rw_status status = RW_OK;
    uint32_t rank = 0;
    RW_JSON_EACH (item, merges) {
        status = add_merge(t, item, rank, &whole, err);
        if (status != RW_OK) {
            break;
        }
        rank++;
    }
    rw_buf_fini(&whole);
    return status;
}

/* ---- the model ---- */

static rw_status check_model(const struct rw_json *model, struct rw_error *err)
{
    const struct rw_json *type = rw_json_get(model, "type");
    bool bpe = type != NULL ? rw_json_is_string(type, "BPE") : rw_json_get(model, "merges") != NULL;
    if (!bpe) {
        struct rw_str name =
            type != NULL && type->type == RW_JSON_STRING ? type->text : RW_STR("(none)");
        name.len = RW_MIN(name.len, 40);
        rw_fail(err, RW_MODEL_UNSUPPORTED, "tokenizer model %.*s is not supported",
                RW_STR_ARG(name));
        rw_error_hint(err, "supported: BPE, byte-level or SentencePiece style");
        return RW_MODEL_UNSUPPORTED;
    }
    const struct rw_json *dropout = rw_json_get(model, "dropout");
    if (!is_absent(dropout) && !(dropout->type == RW_JSON_NUMBER && dropout->number == 0)) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED, "BPE dropout is not supported");
    }
    if (!is_blank(rw_json_get(model, "continuing_subword_prefix")) ||
        !is_blank(rw_json_get(model, "end_of_word_suffix"))) {
        return rw_fail(err, RW_MODEL_UNSUPPORTED,
                       "continuing_subword_prefix and end_of_word_suffix are not supported");
    }
    return RW_OK;
}

/* What an unknown character becomes. */
static rw_status load_unknown(struct rw_tokenizer *t, const struct rw_json *model,
                              struct rw_error *err)
{
    t->unk_id = -1;
    const struct rw_json *unk = rw_json_get(model, "unk_token");
    if (!is_absent(unk)) {
        t->unk_id = unk->type == RW_JSON_STRING ? rw_vocab_find(&t->vocab, unk->text) : -1;
        if (t->unk_id < 0) {
            return rw_fail(err, RW_MODEL_CORRUPT, "model.unk_token is not in the vocabulary");
        }
    }
    t->fuse_unk = rw_pipeline_flag(model, "fuse_unk", false);
    t->byte_fallback = rw_pipeline_flag(model, "byte_fallback", false);
    if (t->byte_level || t->byte_fallback) {
        return rw_byte_level_resolve(t, err);
    }
    if (t->unk_id < 0) {
        rw_fail(err, RW_MODEL_UNSUPPORTED, "BPE over characters needs byte_fallback or unk_token");
        rw_error_hint(err, "without them, characters outside the vocabulary would be dropped");
        return RW_MODEL_UNSUPPORTED;
    }
    return RW_OK;
}

static rw_status load_model(struct rw_tokenizer *t, const struct rw_json *model,
                            struct rw_error *err)
{
    rw_status status = check_model(model, err);
    if (status == RW_OK) {
        status = load_vocab(t, rw_json_get(model, "vocab"), err);
    }
    if (status == RW_OK) {
        status = load_merges(t, rw_json_get(model, "merges"), err);
    }
    if (status == RW_OK) {
        status = load_unknown(t, model, err);
    }
    t->ignore_merges = rw_pipeline_flag(model, "ignore_merges", false);
    return status;
}

/* ---- added tokens ---- */

/* An object with content and flags; the caller knows the id. */
static rw_status fill_added(struct rw_tokenizer *t, const struct rw_json *item, int32_t id,
                            struct rw_added *token, struct rw_error *err)
{
    const struct rw_json *content = rw_json_get(item, "content");
    if (content == NULL || content->type != RW_JSON_STRING || content->text.len == 0 ||
        content->text.len > RW_ADDED_BYTES_MAX) {
        return rw_fail(err, RW_MODEL_CORRUPT, "the added token %d has no usable content", (int)id);
    }
    *token = (struct rw_added){.id = id};
    token->content = rw_arena_copy(&t->arena, content->text);
    if (token->content.ptr == NULL) {
        return rw_fail_memory(err, "the added tokens");
    }
    token->pattern = token->content;
    token->special = rw_pipeline_flag(item, "special", false);
    token->normalized = rw_pipeline_flag(item, "normalized", !token->special);
    token->lstrip = rw_pipeline_flag(item, "lstrip", false);
    token->rstrip = rw_pipeline_flag(item, "rstrip", false);
    token->single_word = rw_pipeline_flag(item, "single_word", false);
    return RW_OK;
}

static rw_status load_added(struct rw_tokenizer *t, const struct rw_json *item,
                            struct rw_error *err)
{
    int32_t id;
    if (!id_of(rw_json_get(item, "id"), &id)) {
        return rw_fail(err, RW_MODEL_CORRUPT, "added_tokens[%zu] has no usable id", t->added_count);
    }
    struct rw_added *token = &t->added[t->added_count];
    rw_status status = fill_added(t, item, id, token, err);
    if (status != RW_OK) {
        return status;
    }
    int32_t known = rw_vocab_find(&t->vocab, token->content);
    bool taken = (size_t)id < t->vocab.size && t->vocab.content[id].ptr != NULL;
    if (known >= 0 ? known != id : taken) {
        return rw_fail(err, RW_MODEL_CORRUPT, "added_tokens[%zu] and model.vocab disagree on id %d",
                       t->added_count, (int)id);
    }
    t->added_count++;
    return RW_OK;
}

static rw_status load_all_added(struct rw_tokenizer *t, const struct rw_json *list,
                                struct rw_error *err)
{
    if (is_absent(list)) {
        return RW_OK;
    }
    if (list->type != RW_JSON_ARRAY || list->count > RW_ADDED_MAX) {
        return rw_fail(err, RW_MODEL_CORRUPT, "added_tokens is not a list of at most %d tokens",
                       RW_ADDED_MAX);
    }
    t->added = rw_arena_array(&t->arena, list->count, sizeof *t->added);
    if (t->added == NULL) {
        return rw_fail_memory(err, "the added tokens");
    }
    RW_JSON_EACH (item, list) {
        rw_status status = load_added(t, item, err);
        if (status != RW_OK) {
            return status;
        }
    }
    return RW_OK;
}

static rw_status load_root(struct rw_tokenizer *t, const struct rw_json *root, struct rw_error *err)
{
    rw_status status = rw_pipeline_normalizer(t, rw_json_get(root, "normalizer"), err);
    if (status == RW_OK) {
        status = rw_pipeline_pre_tokenizer(t, rw_json_get(root, "pre_tokenizer"), err);
    }
    if (status == RW_OK) {
        status = load_model(t, rw_json_get(root, "model"), err);
    }
    if (status == RW_OK) {
        status = load_all_added(t, rw_json_get(root, "added_tokens"), err);
    }
    if (status == RW_OK) {
        status = rw_around_parse(rw_json_get(root, "post_processor"), &t->around, err);
    }
    return status;
}

rw_status rw_tokenizer_load_json(struct rw_tokenizer *tokenizer, struct rw_str text,
                                 struct rw_error *err)
{
    rw_byte_level_alphabet(tokenizer->byte_char);
    struct rw_arena tree;
    rw_arena_init(&tree, RW_TOKENIZER_TREE_BYTES_MAX);
    const struct rw_json *root = NULL;
    rw_status status = rw_json_parse(&tree, text, &root, err);
    if (status == RW_OK) {
        status = load_root(tokenizer, root, err);
    }
    rw_arena_fini(&tree);
    return status;
}

/* ---- tokenizer_config.json beside a tokenizer.model ---- */

/* The entry replaces the user-defined or control piece with its id or content, so that a token the
 * configuration calls special is not matched as a plain symbol in untrusted text. */
static void drop_added(struct rw_tokenizer *t, size_t pieces, const struct rw_added *by)
{
    for (size_t i = 0; i < pieces; i++) {
        if (t->added[i].id == by->id || rw_str_equal(t->added[i].content, by->content)) {
            t->added[i].pattern.len = 0; /* never searched for */
            t->added[i].content.len = 0;
        }
    }
}

static rw_status load_decoder(struct rw_tokenizer *t, const struct rw_json *decoder,
                              struct rw_error *err)
{
    if (decoder->type != RW_JSON_OBJECT || decoder->count > RW_ADDED_MAX) {
        return rw_fail(err, RW_MODEL_CORRUPT,
                       "added_tokens_decoder is not a table of at most %d "
                       "tokens",
                       RW_ADDED_MAX);
    }
    size_t pieces = t->added_count;
    struct rw_added *all = rw_arena_array(&t->arena, pieces + decoder->count, sizeof *all);
    if (all == NULL) {
        return rw_fail_memory(err, "the added tokens");
    }
    for (size_t i = 0; i < pieces; i++) {
        all[i] = t->added[i];
    }
    t->added = all;
    RW_JSON_EACH (item, decoder) {
        unsigned long long id;
        if (!rw_str_to_u64(item->key, &id) || id >= RW_VOCAB_IDS_MAX) {
            return rw_fail(err, RW_MODEL_CORRUPT, "added_tokens_decoder holds an unusable id");
        }
        struct rw_added *token = &t->added[t->added_count];
        rw_status status = fill_added(t, item, (int32_t)id, token, err);
        if (status != RW_OK) {
            return status;
        }
        drop_added(t, pieces, token);
        t->added_count++;
    }
    return RW_OK;
}

/* add_bos_token and add_eos_token, which the SentencePiece classes set to true and false. */
static void set_around(struct rw_tokenizer *t, const struct rw_json *config)
{
    static const char *const NAME[2][2] = {{"add_bos_token", "bos_token"},
                                           {"add_eos_token", "eos_token"}};
    t->around = (struct rw_around){.n_begin = 0};
    for (int side = 0; side < 2; side++) {
        struct rw_str text = rw_tokenizer_content(rw_json_get(config, NAME[side][1]));
        if (text.ptr == NULL) {
            text = side == 0 ? RW_STR("<s>") : RW_STR("</s>");
        }
        int32_t id = rw_vocab_find(&t->vocab, text);
        if (rw_pipeline_flag(config, NAME[side][0], side == 0) && id >= 0) {
            *(side == 0 ? t->around.begin : t->around.end) = id;
            *(side == 0 ? &t->around.n_begin : &t->around.n_end) = 1;
        }
    }
}

rw_status rw_tokenizer_load_config(struct rw_tokenizer *tokenizer, struct rw_str text,
                                   struct rw_error *err)
{
    struct rw_arena tree;
    rw_arena_init(&tree, RW_TOKENIZER_TREE_BYTES_MAX);
    const struct rw_json *root = NULL;
    rw_status status = text.len > 0 ? rw_json_parse(&tree, text, &root, err) : RW_OK;
    const struct rw_json *decoder =
        status == RW_OK ? rw_json_get(root, "added_tokens_decoder") : NULL;
    if (!is_absent(decoder)) {
        status = load_decoder(tokenizer, decoder, err);
    }
    if (status == RW_OK) {
        set_around(tokenizer, root);
    }
    rw_arena_fini(&tree);
    return status;
}
