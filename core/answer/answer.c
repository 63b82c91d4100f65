#include "core/answer/answer.h"

#include "core/answer/choose.h"
#include "core/answer/compare.h"
#include "core/answer/find.h"
#include "core/answer/lexeme.h"
#include "core/answer/said.h"
#include "core/base/arena.h"
#include "core/base/util.h"

enum {
    ARENA_MAX = 8 << 20, /* bytes of one comparison: trees, and texts without calculator notes */
};

static const struct rw_answer_options DEFAULT = {.tolerance = 0};

/* ---- names ----------------------------------------------------------------------------------- */

/* ---- reading --------------------------------------------------------------------------------- */

/* "xy": a word, or a product when an expression stands beside it. */
static bool letters_alone(const struct rw_reading *r)
{
    enum {
        LETTERS_MAX = 3,
    };
    return r->node->kind == RW_NODE_TEXT && r->lexemes.n == 1 &&
           r->lexemes.at[0].name.len <= LETTERS_MAX;
}

static bool as_product(struct rw_compare *c, const struct rw_reading *word,
                       const struct rw_reading *other)
{
    struct rw_reading product;
    enum rw_answer_rule rule = c->rule;
    if (!rw_node_scalar(other->node)) {
        return false;
    }
    rw_choose_read(word->text, true, c->arena, &product);
    bool same =
        product.node != NULL && rw_compare(c, product.node, other->node) == RW_VERIFIED_RIGHT;
    c->rule = same ? c->rule : rule;
    return same;
}

static enum rw_verified decide(const struct rw_reading *a, const struct rw_reading *b,
                               const struct rw_answer_options *options, struct rw_arena *arena,
                               enum rw_answer_rule *rule)
{
    if (a->text.len == 0 || b->text.len == 0) {
        *rule = a->text.len == 0 ? RW_ANSWER_RULE_NO_ANSWER : RW_ANSWER_RULE_NO_REFERENCE;
        return RW_VERIFIED_UNKNOWN;
    }
    if (rw_str_equal(a->text, b->text)) {
        *rule = RW_ANSWER_RULE_SAME_TEXT;
        return RW_VERIFIED_RIGHT;
    }
    if (!a->lexed || !b->lexed) {
        *rule = RW_ANSWER_RULE_TOO_LONG;
        return RW_VERIFIED_UNKNOWN;
    }
    if (a->node == NULL || b->node == NULL) {
        *rule = RW_ANSWER_RULE_NO_MEMORY;
        return RW_VERIFIED_UNKNOWN;
    }
    if (a->lexemes.n > 0 && rw_lexemes_equal(&a->lexemes, &b->lexemes)) {
        *rule = RW_ANSWER_RULE_SAME_TEXT;
        return RW_VERIFIED_RIGHT;
    }
    struct rw_compare c = {.options = options, .arena = arena};
    enum rw_verified v = rw_compare(&c, a->node, b->node);
    bool letters = v == RW_VERIFIED_UNKNOWN && (letters_alone(a) != letters_alone(b)) &&
                   as_product(&c, letters_alone(a) ? a : b, letters_alone(a) ? b : a);
    *rule = c.rule;
    return letters ? RW_VERIFIED_RIGHT : v;
}

enum rw_verified rw_answer_equal_by(struct rw_str answer, struct rw_str reference,
                                    const struct rw_answer_options *options,
                                    enum rw_answer_rule *rule)
{
    struct rw_arena arena;
    struct rw_reading a;
    struct rw_reading b;
    rw_arena_init(&arena, ARENA_MAX);
    rw_choose_read(answer, false, &arena, &a);
    rw_choose_read(reference, false, &arena, &b);
    enum rw_verified v = decide(&a, &b, options != NULL ? options : &DEFAULT, &arena, rule);
    rw_arena_fini(&arena);
    return v;
}

enum rw_verified rw_answer_equal(struct rw_str answer, struct rw_str reference)
{
    enum rw_answer_rule rule;
    return rw_answer_equal_by(answer, reference, NULL, &rule);
}

struct rw_str rw_answer_extract(const struct rw_str *steps, size_t n_steps, int64_t *step)
{
    struct rw_arena arena;
    struct rw_found found;
    struct rw_choice c = {.step = -1};
    struct rw_str text = RW_STR("");
    rw_arena_init(&arena, ARENA_MAX);
    *step = (int64_t)n_steps - 1;
    if (rw_find(steps, n_steps, false, &arena, &found) && rw_choose(&found, &arena, &c)) {
        *step = c.step;
        text = rw_str_slice(steps[c.step], c.begin, c.end);
    }
    rw_arena_fini(&arena);
    return text;
}

static struct rw_str reference_in(struct rw_str reference, struct rw_arena *arena, bool *math)
{
    struct rw_found found;
    struct rw_choice c;
    *math = false;
    if (!rw_find(&reference, 1, false, arena, &found) || !rw_choose_marked(&found, arena, &c) ||
        c.end == c.begin) {
        return reference;
    }
    *math = c.math;
    return rw_str_slice(reference, c.begin, c.end);
}

struct rw_str rw_answer_reference(struct rw_str reference)
{
    struct rw_arena arena;
    bool math;
    rw_arena_init(&arena, ARENA_MAX);
    struct rw_str found = reference_in(reference, &arena, &math);
    rw_arena_fini(&arena);
    return found;
}

/* ---- verdicts -------------------------------------------------------------------------------- */

struct trial {
    const struct rw_found *found;
    const struct rw_reading *reference;
    const struct rw_answer_options *options;
    struct rw_arena *arena;
    enum rw_answer_rule rule;
};

static enum rw_verified try_text(struct trial *t, struct rw_str text, bool math)
{
    struct rw_reading r;
    rw_choose_read(text, math, t->arena, &r);
    return decide(&r, t->reference, t->options, t->arena, &t->rule);
}

static enum rw_verified try_place(struct trial *t, size_t at)
{
    struct rw_choice c;
    rw_choose_place(t->found, at, &c);
    return try_text(t, rw_choice_text(t->found, &c), c.math);
}

/* Without the emphasis and pictures at the end of a sentence. */
static size_t before_cheer(struct rw_str text)
{
    size_t end = text.len;
    while (end > 0 && ((unsigned char)text.ptr[end - 1] >= 0x80 || text.ptr[end - 1] == ' ' ||
                       text.ptr[end - 1] == '*')) {
        end--;
    }
    return end;
}

/* "72!" at the end of a sentence is a factorial or an exclamation. */
static enum rw_verified try_choice(struct trial *t, const struct rw_choice *c)
{
    struct rw_str text = rw_find_trim(rw_choice_text(t->found, c));
    enum rw_verified v = try_text(t, text, c->math);
    size_t end = before_cheer(text);
    bool mark = !c->math && end > 1 && text.ptr[end - 1] == '!';
    if (v != RW_VERIFIED_RIGHT && mark) {
        enum rw_answer_rule rule = t->rule;
        enum rw_verified without = try_text(t, rw_str_slice(text, 0, end - 1), c->math);
        if (without == RW_VERIFIED_RIGHT) {
            return without;
        }
        t->rule = rule;
    }
    return v;
}

static bool any_place(struct trial *t, enum rw_answer_evidence evidence)
{
    enum rw_answer_rule rule = t->rule;
    for (size_t i = 0; i < t->found->n; i++) {
        if (t->found->place[i].evidence == evidence && try_place(t, i) == RW_VERIFIED_RIGHT) {
            return true;
        }
    }
    t->rule = rule;
    return false;
}

static bool is_collection(const struct rw_node *node)
{
    return node != NULL && node->kind >= RW_NODE_LIST && node->kind <= RW_NODE_SET;
}

/* Several answers of one kind: what they say together is not always known. */
static enum rw_verified with_others(struct trial *t, const struct rw_choice *c, enum rw_verified v)
{
    size_t boxes = 0;
    for (size_t i = 0; i < t->found->n; i++) {
        boxes += t->found->place[i].evidence == RW_ANSWER_BOX;
    }
    if (v == RW_VERIFIED_RIGHT) {
        return v;
    }
    if (c->evidence == RW_ANSWER_BOX && t->options->any_box && any_place(t, RW_ANSWER_BOX)) {
        return RW_VERIFIED_RIGHT;
    }
    if (v == RW_VERIFIED_UNKNOWN) {
        return v;
    }
    bool several = (c->evidence == RW_ANSWER_HASHES && any_place(t, RW_ANSWER_HASHES)) ||
                   (c->evidence == RW_ANSWER_BOX && boxes > 1 &&
                    (is_collection(t->reference->node) || c->joined) &&
                    (!c->joined || try_place(t, c->place) == RW_VERIFIED_RIGHT));
    t->rule = several ? RW_ANSWER_RULE_SEVERAL : t->rule;
    return several ? RW_VERIFIED_UNKNOWN : v;
}

static enum rw_verified judge(struct trial *t, const struct rw_choice *c)
{
    if (c->step < 0) {
        t->rule = t->found->thought ? RW_ANSWER_RULE_THINKING : RW_ANSWER_RULE_NO_ANSWER;
        return RW_VERIFIED_UNKNOWN;
    }
    if (c->taken_back) {
        t->rule = RW_ANSWER_RULE_TAKEN_BACK;
        return RW_VERIFIED_UNKNOWN;
    }
    enum rw_verified v = with_others(t, c, try_choice(t, c));
    if (v == RW_VERIFIED_WRONG && c->guessed && rw_said_before(t->found, c, t->reference)) {
        t->rule = RW_ANSWER_RULE_SAID_BEFORE;
        return RW_VERIFIED_UNKNOWN;
    }
    return v;
}

static void verify(const struct rw_str *steps, size_t n_steps, struct rw_str wanted,
                   const struct rw_answer_options *options, struct rw_arena *arena,
                   struct rw_verdict *out)
{
    struct rw_found found;
    struct rw_choice c;
    struct rw_reading reference;
    bool math;
    out->reference = reference_in(wanted, arena, &math);
    if (!rw_find(steps, n_steps, options->read_thinking, arena, &found)) {
        out->rule = RW_ANSWER_RULE_NO_MEMORY;
        return;
    }
    rw_choose(&found, arena, &c);
    rw_choose_read(out->reference, math, arena, &reference);
    struct trial t = {&found, &reference, options, arena, RW_ANSWER_RULE_NO_ANSWER};
    out->verified = judge(&t, &c);
    out->rule = t.rule;
    out->evidence = c.evidence;
    out->step = c.step;
    if (c.step >= 0) {
        out->begin = c.begin;
        out->end = c.end;
        out->answer = rw_str_slice(steps[c.step], c.begin, c.end);
    }
}

void rw_answer_verify(const struct rw_str *steps, size_t n_steps, struct rw_str reference,
                      const struct rw_answer_options *options, struct rw_verdict *out)
{
    struct rw_arena arena;
    *out = (struct rw_verdict){.rule = RW_ANSWER_RULE_NO_REFERENCE, .step = -1};
    if (rw_str_trim(reference).len == 0) {
        return;
    }
    rw_arena_init(&arena, ARENA_MAX);
    verify(steps, n_steps, reference, options != NULL ? options : &DEFAULT, &arena, out);
    rw_arena_fini(&arena);
}
