/* core/model/input_conversation: what becomes of turns without a place, for every kind of place. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/util.h"
#include "core/model/input_conversation.h"
#include "tests/lib/suite.h"

enum {
    TURNS_MAX = 8,
    ARENA_BYTES = 1 << 20
};

static struct rw_arena arena;

static void setup(void)
{
    rw_arena_init(&arena, ARENA_BYTES);
}

static void teardown(void)
{
    rw_arena_fini(&arena);
}

/* What a message is beside a role and a text; nobody looks into it here. */
static const char WHOLE[1];

/* "s:text|u:text" and back; a capital: parts, a developer's, a tool's turn. */
static size_t read_turns(const char *text, struct rw_message out[TURNS_MAX])
{
    size_t n = 0;
    struct rw_str all = rw_str_from(text);
    for (size_t at = 0; at < all.len; n++) {
        size_t end = rw_str_find(all, RW_STR("|"), at);
        char kind = (char)(text[at] | 0x20);
        out[n].role = kind == 's' ? RW_ROLE_SYSTEM : kind == 'u' ? RW_ROLE_USER : RW_ROLE_ASSISTANT;
        out[n].whole = kind != text[at] ? (const struct rw_json *)(const void *)WHOLE : NULL;
        out[n].content = rw_str_slice(all, at + 2, end);
        at = end + 1;
    }
    return n;
}

static void write_turns(const struct rw_conversation *fit, char *out, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < fit->n; i++) {
        const struct rw_message *m = &fit->messages[i];
        at += (size_t)snprintf(out + at, size - at, "%s%c:%.*s", i > 0 ? "|" : "",
                               m->whole != NULL ? "SUA"[m->role] : "sua"[m->role],
                               RW_STR_ARG(m->content));
    }
}

#define NONE                              \
    {                                     \
        false, false, false, false, false \
    }
#define SYSTEM                         \
    {                                  \
        true, false, true, true, false \
    }
#define OWN                           \
    {                                 \
        true, true, true, true, false \
    }
#define TURNS                           \
    {                                   \
        false, false, true, true, false \
    }
#define ALTERNATING                     \
    {                                   \
        true, false, true, false, false \
    }

#define TEMPLATE                      \
    {                                 \
        true, false, true, true, true \
    }
#define STRICT_TEMPLATE                 \
    {                                   \
        false, false, true, false, true \
    }

static const struct {
    struct rw_places places;
    enum rw_roles roles;
    const char *turns;
    const char *fitted;
    uint32_t dropped;
    uint32_t folded;
} CASE[] = {
    /* a question alone is never touched */
    {NONE, RW_ROLES_AUTO, "u:q", "u:q", 0, 0},
    /* no place for a system text */
    {NONE, RW_ROLES_AUTO, "s:x|u:q", "u:q", 1, 0},
    {NONE, RW_ROLES_POLICY, "s:x|u:q", "u:x\n\nq", 0, 1},
    {NONE, RW_ROLES_ERROR, "s:x|u:q", "s:x|u:q", 0, 0},
    {TURNS, RW_ROLES_AUTO, "s:x|u:q", "u:q", 1, 0},
    /* a place, and nothing of the recipe's in it */
    {SYSTEM, RW_ROLES_AUTO, "s:x|u:q", "s:x|u:q", 0, 0},
    {SYSTEM, RW_ROLES_POLICY, "s:x|u:q", "s:x|u:q", 0, 0},
    /* the recipe's own */
    {OWN, RW_ROLES_AUTO, "s:x|u:q", "u:q", 1, 0},
    {OWN, RW_ROLES_POLICY, "s:x|u:q", "s:x|u:q", 0, 0},
    {OWN, RW_ROLES_ERROR, "s:x|u:q", "s:x|u:q", 0, 0},
    /* earlier turns */
    {NONE, RW_ROLES_AUTO, "u:hi|a:hello|u:q", "u:hi\n\nhello\n\nq", 0, 2},
    {NONE, RW_ROLES_AUTO, "s:x|u:hi|a:hello|u:q", "u:hi\n\nhello\n\nq", 1, 2},
    {NONE, RW_ROLES_POLICY, "s:x|u:hi|a:hello|u:q", "u:x\n\nhi\n\nhello\n\nq", 0, 3},
    {TURNS, RW_ROLES_AUTO, "u:hi|a:hello|u:q", "u:hi|a:hello|u:q", 0, 0},
    {NONE, RW_ROLES_AUTO, "u:hi|a:|u:q", "u:hi\n\nq", 0, 2},
    /* a system turn that is not the first has a place nowhere */
    {SYSTEM, RW_ROLES_AUTO, "u:hi|s:x|u:q", "u:hi|u:q", 1, 0},
    {SYSTEM, RW_ROLES_POLICY, "u:hi|s:x|u:q", "u:hi|u:x\n\nq", 0, 1},
    {SYSTEM, RW_ROLES_POLICY, "s:x|s:y|u:q", "s:x|u:y\n\nq", 0, 1},
    /* two questions in a row where a template wants turns to alternate */
    {ALTERNATING, RW_ROLES_AUTO, "u:hi|u:q", "u:hi\n\nq", 0, 1},
    {ALTERNATING, RW_ROLES_AUTO, "s:x|u:hi|u:q", "s:x|u:hi\n\nq", 0, 1},
    {ALTERNATING, RW_ROLES_AUTO, "u:a|a:b|u:c|u:d", "u:a|a:b|u:c\n\nd", 0, 1},
    {ALTERNATING, RW_ROLES_AUTO, "u:hi|s:x|u:q", "u:hi\n\nq", 1, 1},
    /* a recipe reads texts: parts, a developer's turn and tools have no other place than those */
    {NONE, RW_ROLES_AUTO, "S:x|U:q", "U:q", 1, 0},
    {NONE, RW_ROLES_POLICY, "S:x|U:q", "u:x\n\nq", 0, 1},
    {OWN, RW_ROLES_AUTO, "S:x|u:q", "u:q", 1, 0},
    {NONE, RW_ROLES_AUTO, "s:x|u:q|A:call|U:result", "u:q\n\ncall\n\nresult", 1, 2},
    /* a template lays them out as they were sent, where it has a place for the role */
    {TEMPLATE, RW_ROLES_AUTO, "S:x|u:q|A:call|U:one|U:two", "S:x|u:q|A:call|U:one|U:two", 0, 0},
    {STRICT_TEMPLATE, RW_ROLES_AUTO, "S:x|u:q|A:call|U:one|U:two", "u:q|A:call|U:one|U:two", 1, 0},
    {STRICT_TEMPLATE, RW_ROLES_POLICY, "S:x|U:q", "u:x\n\nq", 0, 1},
    {STRICT_TEMPLATE, RW_ROLES_ERROR, "S:x|U:q", "S:x|U:q", 0, 0},
    /* what is no question at the end is for the layout to refuse */
    {NONE, RW_ROLES_AUTO, "s:x|u:q|a:r", "s:x|u:q|a:r", 0, 0},
    {NONE, RW_ROLES_AUTO, "u:hi|u:", "u:hi|u:", 0, 0},
};

START_TEST(turns_find_their_place)
{
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        struct rw_message turns[TURNS_MAX] = {0};
        struct rw_conversation fit;
        char got[256] = "";
        size_t n = read_turns(CASE[i].turns, turns);
        ck_assert_int_eq(
            rw_conversation_fit(&CASE[i].places, CASE[i].roles, turns, n, &arena, &fit), RW_OK);
        write_turns(&fit, got, sizeof got);
        ck_assert_msg(strcmp(got, CASE[i].fitted) == 0, "%zu: \"%s\"", i, got);
        ck_assert_msg(fit.dropped == CASE[i].dropped, "%zu: %u dropped", i, fit.dropped);
        ck_assert_msg(fit.folded == CASE[i].folded, "%zu: %u folded", i, fit.folded);
    }
}
END_TEST

START_TEST(without_memory)
{
    struct rw_arena none;
    struct rw_message turns[TURNS_MAX] = {0};
    struct rw_conversation fit;
    const struct rw_places places = NONE;
    size_t n = read_turns("s:x|u:q", turns);
    rw_arena_init(&none, 1);
    ck_assert_int_eq(rw_conversation_fit(&places, RW_ROLES_AUTO, turns, n, &none, &fit),
                     RW_NO_MEMORY);
    rw_arena_fini(&none);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conversation");
    TCase *tc = tcase_create("conversation");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, turns_find_their_place);
    tcase_add_test(tc, without_memory);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
