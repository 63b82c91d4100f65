/* tokenizer_config.json and added_tokens.json beside a tokenizer: tokens that the tokenizer's own
 * file lacks, and what a SentencePiece tokenizer puts around a text.
 *
 * As transformers: a token whose content tokenizer.json has already is that one; another one takes
 * the id of its content in the vocabulary, or the next free id. */
#include "core/base/util.h"
#include "core/text/tokenizer_parts.h"

enum {
    SPECIAL_NAMES = 8,
};

static const char *const SPECIAL[SPECIAL_NAMES] = {
    "bos_token", "eos_token", "pad_token",  "unk_token",
    "sep_token", "cls_token", "mask_token", "additional_special_tokens",
};

struct rw_str rw_tokenizer_content(const struct rw_json *token)
{
    const struct rw_json *content = rw_json_get(token, "content");
    token = content != NULL ? content : token;
    return token != NULL && token->type == RW_JSON_STRING ? token->text : (struct rw_str){0};
}

static bool is_special(const struct rw_json *config, struct rw_str content)
{
    for (size_t i = 0; i < SPECIAL_NAMES; i++) {
        const struct rw_json *value = rw_json_get(config, SPECIAL[i]);
        if (value != NULL && value->type == RW_JSON_ARRAY) {
            RW_JSON_EACH (item, value) {
                if (rw_str_equal(rw_tokenizer_content(item), content)) {
                    return true;
                }
            }
        } else if (rw_str_equal(rw_tokenizer_content(value), content)) {
            return true;
        }
    }
    return false;
}

static bool is_known(const struct rw_tokenizer *t, struct rw_str content)
{
    for (size_t i = 0; i < t->added_count; i++) {
        if (rw_str_equal(t->added[i].content, content)) {
            return true;
        }
    }
    return false;
}

static int32_t next_id(const struct rw_tokenizer *t)
{
    size_t next = t->emit_size;
    for (size_t i = 0; i < t->added_count; i++) {
        next = RW_MAX(next, (size_t)t->added[i].id + 1);
    }
    return (int32_t)next;
}

static bool flag(const struct rw_json *item, const char *key, bool fallback)
{
    const struct rw_json *value = rw_json_get(item, key);
    return value == NULL ? fallback : value->type == RW_JSON_TRUE;
}

/* `item` has content and flags, or is NULL for a bare content. */
static rw_status add(struct rw_tokenizer *t, struct rw_str content, uint64_t declared,
                     const struct rw_json *item, bool special, struct rw_error *err)
{
    if (content.len == 0 || content.len > RW_ADDED_BYTES_MAX) {
        return rw_fail(err, RW_MODEL_CORRUPT, "the added token %llu has no usable content",
                       (unsigned long long)declared);
    }
    if (is_known(t, content)) {
        return RW_OK;
    }
    int32_t id = rw_vocab_find(&t->vocab, content);
    id = id >= 0 ? id : next_id(t);
    if ((uint64_t)id != declared) {
        rw_fail(
            err, RW_MODEL_UNSUPPORTED,
            "the added token \"%.*s\" is declared as id %llu beside tokenizer.json, which would "
            "give it %d",
            RW_STR_ARG(content), (unsigned long long)declared, (int)id);
        return RW_MODEL_UNSUPPORTED;
    }
    struct rw_added *token = &t->added[t->added_count];
    *token = (struct rw_added){.id = id, .special = special};
    token->content = rw_arena_copy(&t->arena, content);
    if (token->content.ptr == NULL) {
        return rw_fail_memory(err, "the added tokens");
    }
    token->pattern = token->content;
    token->normalized = flag(item, "normalized", !special);
    token->lstrip = flag(item, "lstrip", false);
    token->rstrip = flag(item, "rstrip", false);
    token->single_word = flag(item, "single_word", false);
    t->added_count++;
    return RW_OK;
}

/* The declared id of an entry: its key in added_tokens_decoder, its value in added_tokens.json. */
static bool declared_id(const struct rw_json *item, bool decoder, uint64_t *id)
{
    unsigned long long number;
    if (!decoder) {
        return rw_json_u64(item, id) && *id < RW_VOCAB_IDS_MAX;
    }
    if (!rw_str_to_u64(item->key, &number) || number >= RW_VOCAB_IDS_MAX) {
        return false;
    }
    *id = number;
    return true;
}

/* In rising order of ids, whatever the order of the file. */
static rw_status add_table(struct rw_tokenizer *t, const struct rw_json *config,
                           const struct rw_json *table, bool decoder, struct rw_error *err)
{
    if (table->type != RW_JSON_OBJECT || table->count + t->added_count > RW_ADDED_MAX) {
        return rw_fail(err, RW_MODEL_CORRUPT, "the table of added tokens is none, or over %d",
                       RW_ADDED_MAX);
    }
    struct rw_added *all =
        rw_arena_array(&t->arena, t->added_count + table->count + 1, sizeof *all);
    const struct rw_json **sorted = rw_arena_array(&t->arena, table->count + 1, sizeof *sorted);
    if (all == NULL || sorted == NULL) {
        return rw_fail_memory(err, "the added tokens");
    }
    for (size_t i = 0; i < t->added_count; i++) {
        all[i] = t->added[i];
    }
    t->added = all;
    size_t n = 0;
    RW_JSON_EACH (item, table) {
        uint64_t id, before;
        if (!declared_id(item, decoder, &id)) {
            return rw_fail(err, RW_MODEL_CORRUPT, "the table of added tokens holds an unusable id");
        }
        struct rw_str content = decoder ? rw_tokenizer_content(item) : item->key;
        if (is_known(t, content)) {
            continue;
        }
        size_t at = n++; /* nearly sorted, and short: most are known */
        while (at > 0 && declared_id(sorted[at - 1], decoder, &before) && before > id) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = item;
    }
    rw_status status = RW_OK;
    for (size_t i = 0; i < n && status == RW_OK; i++) {
        uint64_t id = 0;
        declared_id(sorted[i], decoder, &id);
        struct rw_str content = decoder ? rw_tokenizer_content(sorted[i]) : sorted[i]->key;
        bool special =
            (decoder && flag(sorted[i], "special", false)) || is_special(config, content);
        status = add(t, content, id, decoder ? sorted[i] : NULL, special, err);
    }
    return status;
}

rw_status rw_tokenizer_load_beside(struct rw_tokenizer *tokenizer, struct rw_str config_text,
                                   struct rw_str extra, struct rw_error *err)
{
    struct rw_arena tree;
    rw_arena_init(&tree, RW_TOKENIZER_TREE_BYTES_MAX);
    const struct rw_json *config = NULL;
    const struct rw_json *table = NULL;
    rw_status status = RW_OK;
    if (config_text.len > 0) {
        status = rw_json_parse(&tree, config_text, &config, err);
    }
    const struct rw_json *decoder =
        status == RW_OK ? rw_json_get(config, "added_tokens_decoder") : NULL;
    bool has_decoder = decoder != NULL && decoder->type != RW_JSON_NULL;
    if (status == RW_OK && has_decoder) {
        status = add_table(tokenizer, config, decoder, true, err);
    } else if (status == RW_OK && extra.len > 0) {
        status = rw_json_parse(&tree, extra, &table, err);
        status = status == RW_OK ? add_table(tokenizer, config, table, false, err) : status;
    }
    rw_arena_fini(&tree);
    return status;
}
