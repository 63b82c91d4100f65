#include "core/text/encode.h"

#include <string.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/utf8.h"
#include "core/base/util.h"
#include "core/text/bpe.h"
#include "core/text/nfc.h"
#include "core/text/normalize.h"
#include "core/text/piece.h"
#include "core/text/unicode.h"

/* One encode call. Nothing in it outlives the call. */
struct run {
    const struct rw_tokenizer *tokenizer;
    struct rw_tokens *out; /* NULL: count special tokens only */
    size_t specials;
    struct rw_trust trust;
    struct rw_mapped normal[2]; /* text between raw added tokens; holds while it is cut further */
    struct rw_mapped ready[2];  /* text between normalised added tokens */
    struct rw_bpe bpe;
    char *word;        /* a word in the byte alphabet, for ignore_merges */
    uint32_t last_end; /* of the token pushed last: ends never go back */
};

static void run_init(struct run *run, const struct rw_tokenizer *tokenizer, struct rw_tokens *out)
{
    *run = (struct run){.tokenizer = tokenizer, .out = out};
    rw_bpe_init(&run->bpe);
}

static void run_fini(struct run *run)
{
    for (size_t i = 0; i < 2; i++) {
        rw_mapped_fini(&run->normal[i]);
        rw_mapped_fini(&run->ready[i]);
    }
    rw_free(run->word);
    rw_bpe_fini(&run->bpe);
}

/* ---- rewriting ---- */

static bool run_step(const struct rw_rewrite *step, struct rw_piece *piece, struct rw_mapped *to)
{
    switch (step->kind) {
    case RW_REWRITE_NFC:
        return rw_nfc(piece, to);
    case RW_REWRITE_PREFIX:
        if (step->first_only && piece->base != 0) {
            return true;
        }
        return rw_normalize_prefix(piece, step->a, step->b, to);
    case RW_REWRITE_REPLACE:
        return rw_normalize_replace(piece, step->a, step->b, to);
    case RW_REWRITE_SQUEEZE:
        return rw_normalize_squeeze(piece, to);
    }
    rw_assert(!"a step of unknown kind");
    return false;
}

/* Each step reads one buffer and writes the other. */
static bool run_steps(const struct rw_rewrites *steps, struct rw_piece *piece,
                      struct rw_mapped buffers[2])
{
    size_t free_buffer = 0;
    for (size_t i = 0; i < steps->count; i++) {
        if (!run_step(&steps->step[i], piece, &buffers[free_buffer])) {
            return false;
        }
        if (piece->text.ptr == buffers[free_buffer].text) {
            free_buffer = 1 - free_buffer;
        }
    }
    return true;
}

rw_status rw_encode_added_tokens(struct rw_tokenizer *t, struct rw_error *err)
{
    struct rw_mapped buffers[2];
    rw_mapped_init(&buffers[0]);
    rw_mapped_init(&buffers[1]);
    bool done = true;
    for (size_t i = 0; done && i < t->added_count; i++) {
        struct rw_added *token = &t->added[i];
        if (!token->normalized || token->pattern_is_final) {
            continue;
        }
        struct rw_piece piece = {.text = token->content};
        done = run_steps(&t->normalize, &piece, buffers);
        if (done) {
            token->pattern = rw_arena_copy(&t->arena, piece.text);
            done = token->pattern.ptr != NULL;
        }
    }
    rw_mapped_fini(&buffers[0]);
    rw_mapped_fini(&buffers[1]);
    done =
        done && rw_added_set_init(&t->added_normalized, &t->arena, t->added, t->added_count, true);
    return done ? RW_OK : rw_fail_memory(err, "the added tokens");
}

/* ---- words ---- */

static rw_status push(struct run *run, int32_t id, uint32_t end, struct rw_error *err)
{
    run->last_end = RW_MAX(end, run->last_end);
    if (rw_tokens_push(run->out, id, run->last_end)) {
        return RW_OK;
    }
    if (run->out->count >= run->out->max) {
        return rw_fail(err, RW_LIMIT_EXCEEDED, "the text has more than %zu tokens", run->out->max);
    }
    return rw_fail_memory(err, "more tokens");
}

/* The token that is exactly this word, or -1. */
static int32_t find_word(struct run *run, struct rw_str word)
{
    const struct rw_tokenizer *t = run->tokenizer;
    if (!t->byte_level) {
        return rw_vocab_find(&t->vocab, word);
    }
    size_t len = 0;
    for (size_t i = 0; i < word.len; i++) {
        const struct rw_byte_char *c = &t->byte_char[(unsigned char)word.ptr[i]];
        if (len + c->len > t->content_bytes_max) {
            return -1;
        }
        memcpy(run->word + len, c->bytes, c->len);
        len += c->len;
    }
    return rw_vocab_find(&t->vocab, (struct rw_str){run->word, len});
}

static void add_bytes(struct run *run, struct rw_str word, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        int32_t id = run->tokenizer->byte_id[(unsigned char)word.ptr[i]];
        rw_assert(id >= 0); /* the loader made sure */
        rw_bpe_add(&run->bpe, id, (uint32_t)i + 1);
    }
}

static int32_t char_id(const struct rw_tokenizer *t, struct rw_str word, size_t begin, size_t end)
{
    if (end == begin + 1) {
        return t->ascii_id[(unsigned char)word.ptr[begin]];
    }
    return rw_vocab_find(&t->vocab, rw_str_slice(word, begin, end));
}

static void add_chars(struct run *run, struct rw_str word)
{
    const struct rw_tokenizer *t = run->tokenizer;
    struct rw_bpe *bpe = &run->bpe;
    bool after_unknown = false;
    size_t end;
    for (size_t at = 0; at < word.len; at = end) {
        (void)rw_unicode_at(word, at, &end);
        int32_t id = char_id(t, word, at, end);
        bool unknown = id < 0 && !t->byte_fallback;
        if (id >= 0) {
            rw_bpe_add(bpe, id, (uint32_t)end);
        } else if (t->byte_fallback) {
            add_bytes(run, word, at, end);
        } else if (after_unknown && t->fuse_unk) {
            bpe->ends[bpe->count - 1] = (uint32_t)end;
        } else {
            rw_bpe_add(bpe, t->unk_id, (uint32_t)end);
        }
        after_unknown = unknown;
    }
}

/* Pushes what became of a symbol that is no token: it stood for a character for merging only. */
static rw_status push_helper(struct run *run, const struct rw_piece *word, size_t begin, size_t end,
                             struct rw_error *err)
{
    const struct rw_tokenizer *t = run->tokenizer;
    if (!t->byte_fallback) {
        return push(run, t->unk_id, rw_piece_end(word, end - 1), err);
    }
    rw_status status = RW_OK;
    for (size_t i = begin; status == RW_OK && i < end; i++) {
        int32_t id = t->byte_id[(unsigned char)word->text.ptr[i]];
        status = push(run, id, rw_piece_end(word, i), err);
    }
    return status;
}

static rw_status push_symbols(struct run *run, const struct rw_piece *word, struct rw_error *err)
{
    const struct rw_bpe *bpe = &run->bpe;
    rw_status status = RW_OK;
    for (size_t i = 0; status == RW_OK && i < bpe->count; i++) {
        size_t begin = i > 0 ? bpe->ends[i - 1] : 0;
        size_t end = bpe->ends[i];
        if ((size_t)bpe->ids[i] < run->tokenizer->emit_size) {
            status = push(run, bpe->ids[i], rw_piece_end(word, end - 1), err);
        } else {
            status = push_helper(run, word, begin, end, err);
        }
    }
    return status;
}

static rw_status encode_word(struct run *run, const struct rw_piece *word, struct rw_error *err)
{
    const struct rw_tokenizer *t = run->tokenizer;
    if (t->ignore_merges) {
        int32_t id = find_word(run, word->text);
        if (id >= 0) {
            return push(run, id, rw_piece_end(word, word->text.len - 1), err);
        }
    }
    rw_bpe_clear(&run->bpe);
    if (!rw_bpe_reserve(&run->bpe, word->text.len)) {
        return rw_fail(err, RW_NO_MEMORY, "no memory to split a word");
    }
    if (t->byte_level) {
        add_bytes(run, word->text, 0, word->text.len);
    } else {
        add_chars(run, word->text);
    }
    if (!rw_bpe_merge(&run->bpe, &t->merges)) {
        return rw_fail(err, RW_NO_MEMORY, "no memory to merge a word");
    }
    return push_symbols(run, word, err);
}

/* ---- cutting at added tokens ---- */

typedef rw_status gap_fn(struct run *run, struct rw_piece gap, struct rw_error *err);

static rw_status encode_words(struct run *run, struct rw_piece gap, struct rw_error *err)
{
    if (run->out == NULL) {
        return RW_OK;
    }
    if (!run_steps(&run->tokenizer->prepare, &gap, run->ready)) {
        return rw_fail(err, RW_NO_MEMORY, "no memory to prepare the text");
    }
    rw_status status = RW_OK;
    size_t at = 0;
    while (status == RW_OK && at < gap.text.len) {
        size_t end = rw_pretokenize_next(run->tokenizer->pattern, gap.text, at);
        struct rw_piece word = rw_piece_slice(&gap, at, end);
        status = encode_word(run, &word, err);
        at = end;
    }
    return status;
}

static rw_status push_added(struct run *run, const struct rw_piece *piece,
                            const struct rw_added_match *match, struct rw_error *err)
{
    run->specials += match->token->special;
    if (run->out == NULL) {
        return RW_OK;
    }
    return push(run, match->token->id, rw_piece_begin(piece, match->end), err);
}

/* Added tokens become ids, the text between them goes to `gap_fn`. */
static rw_status cut(struct run *run, const struct rw_added_set *set, const struct rw_piece *piece,
                     gap_fn *encode_gap, struct rw_error *err)
{
    size_t floor = 0; /* behind the last token, white space it took included */
    size_t at = 0;
    for (;;) {
        struct rw_added_match match = rw_added_next(set, piece, &run->trust, at, floor);
        /* White space that one token took can begin the next: then there is no gap. */
        if (match.begin > floor) {
            rw_status status = encode_gap(run, rw_piece_slice(piece, floor, match.begin), err);
            if (status != RW_OK) {
                return status;
            }
        }
        if (match.token == NULL) {
            return RW_OK;
        }
        rw_status status = push_added(run, piece, &match, err);
        if (status != RW_OK) {
            return status;
        }
        floor = match.end;
        at = match.resume;
    }
}

static rw_status encode_gap(struct run *run, struct rw_piece gap, struct rw_error *err)
{
    if (!run_steps(&run->tokenizer->normalize, &gap, run->normal)) {
        return rw_fail(err, RW_NO_MEMORY, "no memory to normalise the text");
    }
    return cut(run, &run->tokenizer->added_normalized, &gap, encode_words, err);
}

/* ---- the whole input ---- */

/* The segments as one text with its trusted spans; owned by the caller. */
struct joined {
    char *text;
    size_t len;
    struct rw_trust_span *spans;
    size_t n_spans;
};

static void joined_fini(struct joined *joined)
{
    rw_free(joined->text);
    rw_free(joined->spans);
}

static rw_status check_segments(const struct rw_segment *segments, size_t n, size_t *total,
                                struct rw_error *err)
{
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        size_t bad = rw_utf8_check(segments[i].text);
        if (bad < segments[i].text.len) {
            return rw_fail(err, RW_INVALID_UTF8, "byte %zu of the text is not valid UTF-8", bad);
        }
        /* Offsets are 32 bits, and a normalised byte can stand for less than one byte of input. */
        if (segments[i].text.len > RW_ENCODE_BYTES_MAX - *total) {
            return rw_fail(err, RW_LIMIT_EXCEEDED, "the text has more than %d bytes",
                           RW_ENCODE_BYTES_MAX);
        }
        *total += segments[i].text.len;
    }
    return RW_OK;
}

static void add_span(struct joined *joined, size_t begin, size_t end)
{
    struct rw_trust_span *last = joined->n_spans > 0 ? &joined->spans[joined->n_spans - 1] : NULL;
    if (last != NULL && last->end == begin) {
        last->end = (uint32_t)end;
    } else if (begin < end) {
        joined->spans[joined->n_spans++] = (struct rw_trust_span){(uint32_t)begin, (uint32_t)end};
    }
}

static rw_status join(const struct rw_segment *segments, size_t n, struct joined *joined,
                      struct rw_error *err)
{
    *joined = (struct joined){0};
    size_t total;
    rw_status status = check_segments(segments, n, &total, err);
    if (status != RW_OK) {
        return status;
    }
    joined->text = rw_alloc(total);
    joined->spans = rw_alloc_array(n, sizeof *joined->spans);
    if (joined->text == NULL || joined->spans == NULL) {
        joined_fini(joined);
        return rw_fail(err, RW_NO_MEMORY, "no memory for a text of %zu bytes", total);
    }
    for (size_t i = 0; i < n; i++) {
        struct rw_str text = segments[i].text;
        if (text.len > 0) {
            memcpy(joined->text + joined->len, text.ptr, text.len);
        }
        if (segments[i].trusted) {
            add_span(joined, joined->len, joined->len + text.len);
        }
        joined->len += text.len;
    }
    return RW_OK;
}

static rw_status run_over(struct run *run, const struct joined *joined, struct rw_error *err)
{
    run->trust = (struct rw_trust){joined->spans, joined->n_spans};
    run->word = rw_alloc(run->tokenizer->content_bytes_max);
    if (run->word == NULL) {
        return rw_fail_memory(err, "a word");
    }
    struct rw_piece whole = {.text = {joined->text, joined->len}};
    return cut(run, &run->tokenizer->added_raw, &whole, encode_gap, err);
}

rw_status rw_tokenizer_encode(const struct rw_tokenizer *tokenizer,
                              const struct rw_segment *segments, size_t n_segments,
                              struct rw_tokens *out, struct rw_error *err)
{
    struct joined joined;
    rw_status status = join(segments, n_segments, &joined, err);
    if (status != RW_OK) {
        return status;
    }
    size_t before = out->count;
    struct run run;
    run_init(&run, tokenizer, out);
    status = run_over(&run, &joined, err);
    if (status != RW_OK) {
        out->count = before; /* no half of a text */
    }
    run_fini(&run);
    joined_fini(&joined);
    return status;
}

rw_status rw_tokenizer_count_special(const struct rw_tokenizer *tokenizer, struct rw_str text,
                                     size_t *count, struct rw_error *err)
{
    struct rw_segment segment = {text, true};
    struct joined joined;
    rw_status status = join(&segment, 1, &joined, err);
    if (status != RW_OK) {
        return status;
    }
    struct run run;
    run_init(&run, tokenizer, NULL);
    status = run_over(&run, &joined, err);
    if (status == RW_OK) {
        *count += run.specials;
    }
    run_fini(&run);
    joined_fini(&joined);
    return status;
}
