#include "core/run/prompt.h"

#include <math.h>
#include <stdbool.h>

#include "core/base/hash.h"
#include "core/base/mix.h"

struct counts {
    double bytes;
    double numbers;
    double markup;
    double words;
    double word_bytes;
    double sign[2];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Bytes of UTF-8 beyond ASCII are letters here. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || ((unsigned char)c & 0x80) != 0;
}

static bool is_plain(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '.' || c == ',' || c == '?' ||
           c == '!' || c == '\'' || c == '"';
}

static void take_word(struct rw_str word, struct counts *k)
{
    uint64_t h = rw_mix(rw_hash_fnv1a(RW_FNV1A_START, word.ptr, word.len), 1);
    k->words += 1;
    k->word_bytes += (double)word.len;
    k->sign[0] += (h & 1) != 0 ? 1 : -1;
    k->sign[1] += (h & 2) != 0 ? 1 : -1;
}

static void take_text(struct rw_str text, struct counts *k)
{
    k->bytes += (double)text.len;
    for (size_t i = 0; i < text.len;) {
        size_t from = i;
        if (is_digit(text.ptr[i])) {
            while (i < text.len && is_digit(text.ptr[i])) {
                i++;
            }
            k->numbers += 1;
        } else if (is_letter(text.ptr[i])) {
            while (i < text.len && is_letter(text.ptr[i])) {
                i++;
            }
            take_word(rw_str_slice(text, from, i), k);
        } else {
            k->markup += is_plain(text.ptr[i]) ? 0 : 1;
            i++;
        }
    }
}

void rw_prompt_measure(const struct rw_str *texts, size_t n, uint64_t given,
                       double out[RW_PROMPT_DIM])
{
    struct counts k = {0};
    for (size_t i = 0; i < n; i++) {
        take_text(texts[i], &k);
    }
    double words = k.words > 0 ? k.words : 1;
    out[RW_PROMPT_BYTES] = log2(1 + k.bytes);
    out[RW_PROMPT_DIGITS] = log2(1 + k.numbers);
    out[RW_PROMPT_MARKUP] = k.bytes > 0 ? k.markup / k.bytes : 0;
    out[RW_PROMPT_WORD] = k.word_bytes / words;
    out[RW_PROMPT_WORDS] = k.sign[0] / words;
    out[RW_PROMPT_WORDS2] = k.sign[1] / words;
    out[RW_PROMPT_GIVEN] = rw_mix_unit(rw_mix(given, n));
}

const char *rw_prompt_name(enum rw_prompt feature)
{
    static const char *const NAME[RW_PROMPT_DIM] = {
        "length", "numbers", "markup", "word_length", "words", "words_2", "given",
    };
    return NAME[feature];
}
