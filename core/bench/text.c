#include "core/bench/text.h"

#include <string.h>

#include "core/base/str.h"
#include "core/base/util.h"
#include "core/text/byte_level.h"

static const char *const WORDS[] = {
    "the",    "of",       "and",       "to",     "in",       "is",        "we",       "that",
    "first",  "number",   "each",      "total",  "then",     "so",        "for",      "cost",
    "there",  "are",      "more",      "than",   "apples",   "books",     "hours",    "minutes",
    "gives",  "answer",   "because",   "times",  "half",     "sum",       "product",  "left",
    "he",     "she",      "they",      "bought", "sold",     "remaining", "price",    "find",
    "need",   "multiply", "add",       "divide", "subtract", "from",      "by",       "with",
    "which",  "means",    "let",       "us",     "now",      "since",     "equation", "value",
    "both",   "sides",    "therefore", "per",    "day",      "week",      "students", "class",
    "train",  "speed",    "distance",  "miles",  "average",  "percent",   "increase", "after",
    "before", "how",      "many",      "much",   "only",     "new",       "at",       "on",
    "this",   "be",       "can",       "have",   "has",      "was",       "were",     "it",
    "as",     "if",       "when",      "all",    "one",      "two",       "three",    "four",
};

enum {
    WORD_COUNT = RW_COUNT(WORDS),
    SENTENCE_WORDS = 12,
    SPECIALS = 4,
    MERGES_MAX = 1024,
};

void rw_bench_sentence(uint64_t seed, uint32_t index, struct rw_buf *out)
{
    uint64_t at = (uint64_t)index * (SENTENCE_WORDS + 1);
    for (int i = 0; i < SENTENCE_WORDS; i++) {
        const char *word = WORDS[rw_bench_random(seed, at++) % WORD_COUNT];
        rw_buf_printf(out, "%s%s", i > 0 ? " " : "", word);
    }
    uint64_t numbers = rw_bench_random(seed, at);
    unsigned a = (unsigned)(numbers % 90 + 10), b = (unsigned)(numbers >> 32) % 90 + 10;
    rw_buf_printf(out, " %u + %u = %u.", a, b, a + b);
}

/* A merge in the order in which words are built, letter by letter from the left. */
struct merge {
    const char *word; /* "" before the first letter stands for the space */
    uint8_t left;     /* letters of `word` on the left side, the space not counted */
};

static bool same_merge(const struct merge *a, const struct merge *b)
{
    return a->left == b->left && strncmp(a->word, b->word, a->left + 1u) == 0;
}

static size_t list_merges(struct merge merges[MERGES_MAX])
{
    size_t n = 0;
    for (size_t w = 0; w < WORD_COUNT; w++) {
        for (size_t left = 0; left < strlen(WORDS[w]) && n < MERGES_MAX; left++) {
            struct merge m = {WORDS[w], (uint8_t)left};
            size_t i = 0;
            while (i < n && !same_merge(&merges[i], &m)) {
                i++;
            }
            if (i == n) {
                merges[n++] = m;
            }
        }
    }
    return n;
}

static const char SPACE[] = "\xC4\xA0"; /* byte 0x20 in the GPT-2 alphabet */

static void write_vocabulary(struct rw_buf *out, const struct merge *merges, size_t n)
{
    struct rw_byte_char alphabet[256];
    unsigned id = SPECIALS;
    rw_byte_level_alphabet(alphabet);
    for (unsigned byte = 0; byte < 256; byte++, id++) {
        bool escape = byte == '"' || byte == '\\';
        rw_buf_printf(out, "%s\"%s%.*s\":%u", byte > 0 ? "," : "", escape ? "\\" : "",
                      alphabet[byte].len, alphabet[byte].bytes, id);
    }
    for (size_t i = 0; i < n; i++, id++) {
        rw_buf_printf(out, ",\"%s%.*s\":%u", SPACE, merges[i].left + 1, merges[i].word, id);
    }
    rw_buf_printf(out, "},\"merges\":[");
    for (size_t i = 0; i < n; i++) {
        rw_buf_printf(out, "%s\"%s%.*s %c\"", i > 0 ? "," : "", SPACE, merges[i].left,
                      merges[i].word, merges[i].word[merges[i].left]);
    }
}

void rw_bench_tokenizer_json(struct rw_buf *out)
{
    static const char *const SPECIAL[SPECIALS] = {"<|endoftext|>", "<|question|>", "<|step|>",
                                                  "<|end|>"};
    static const char SPLIT[] =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| "
        "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+";
    struct merge merges[MERGES_MAX];
    size_t n = list_merges(merges);
    rw_buf_printf(out, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,"
                       "\"added_tokens\":[");
    for (int i = 0; i < SPECIALS; i++) {
        rw_buf_printf(out,
                      "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,"
                      "\"rstrip\":false,\"normalized\":false,\"special\":true}",
                      i > 0 ? "," : "", i, SPECIAL[i]);
    }
    rw_buf_printf(out,
                  "],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"Sequence\","
                  "\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s\"},"
                  "\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\","
                  "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}]},"
                  "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\","
                  "\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},",
                  SPLIT);
    rw_buf_printf(out, "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
                       "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
                       "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,"
                       "\"vocab\":{");
    write_vocabulary(out, merges, n);
    rw_buf_printf(out, "]}}\n");
}
