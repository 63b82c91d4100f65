/* rewardd.json of any bytes beside a small config and tokenizer: refused with a line, or a recipe
 * whose parts fit together. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/model/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ARENA_BYTES = 16 << 20,
};

static const char CONFIG[] =
    "{\"architectures\":[\"Qwen3ForTokenClassification\"],\"model_type\":\"qwen3\","
    "\"attention_bias\":false,\"head_dim\":32,\"hidden_act\":\"silu\",\"hidden_size\":64,"
    "\"intermediate_size\":96,\"max_position_embeddings\":2048,\"num_attention_heads\":2,"
    "\"num_hidden_layers\":1,\"num_key_value_heads\":1,\"rms_norm_eps\":1e-06,"
    "\"rope_theta\":10000.0,\"tie_word_embeddings\":false,\"vocab_size\":16}";
static const char TOKENIZER[] =
    "{\"normalizer\":null,\"added_tokens\":["
    "{\"id\":1,\"content\":\"<s>\",\"special\":true},"
    "{\"id\":6,\"content\":\"<|step|>\",\"special\":true},"
    "{\"id\":7,\"content\":\"<|question|>\",\"special\":true}],"
    "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,"
    "\"vocab\":{\"<unk>\":0,\"<s>\":1,\"\xE2\x96\x81\":2,\"a\":3,\"b\":4,\"\xE2\x96\x81"
    "a\":5},\"merges\":[[\"\xE2\x96\x81\",\"a\"]]},"
    "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\","
    "\"prepend_scheme\":\"first\",\"split\":true}}";

static struct rw_tokenizer *tokenizer;
static struct rw_config config;

static void read_once(void)
{
    static struct rw_arena arena;
    struct rw_error err = {0};
    const struct rw_json *root;
    if (tokenizer != NULL) {
        return;
    }
    rw_arena_init(&arena, ARENA_BYTES);
    rw_assert(rw_json_parse(&arena, rw_str_from(CONFIG), &root, &err) == RW_OK);
    rw_assert(rw_config_parse(root, &config, &err) == RW_OK);
    rw_assert(rw_tokenizer_parse(rw_str_from(TOKENIZER), &tokenizer, &err) == RW_OK);
    rw_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rw_arena arena;
    struct rw_error err = {0};
    const struct rw_json *root;
    const struct rw_chat chat = {.now = RW_CHAT_DATE};
    read_once();
    rw_arena_init(&arena, ARENA_BYTES);
    struct rw_manifest manifest = {.arena = &arena,
                                   .config = &config,
                                   .tokenizer = tokenizer,
                                   .chat = &chat,
                                   .dir = "/nonexistent",
                                   .layout = {.marker = -1, .join = RW_STR("\n\n")}};
    rw_status status =
        rw_json_parse(&arena, (struct rw_str){(const char *)data, size}, &root, &err);
    if (status == RW_OK) {
        status = rw_manifest_apply(&manifest, root, &err);
    }
    if (status == RW_OK) {
        status = rw_manifest_check(&manifest, &err);
    }
    if (status == RW_OK) {
        rw_assert(manifest.has_layout && manifest.n_golden <= RW_GOLDEN_MAX);
    } else {
        rw_assert(err.status == status && err.message[0] != '\0');
    }
    rw_arena_fini(&arena);
    return 0;
}
