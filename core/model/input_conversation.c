#include "core/model/input_conversation.h"

#include <string.h>

enum fate {
    KEEP,
    DROP,
    FOLD, /* into the next user turn that is kept */
};

/* What stands between two turns that have become one text. */
static const struct rw_str BLANK_LINE = {"\n\n", 2};

static bool is_system(const struct rw_message *m)
{
    return m->role == RW_ROLE_SYSTEM;
}

static enum fate fate_of_system(const struct rw_places *places, enum rw_roles roles, size_t index)
{
    bool has_place = places->system && index == 0;
    if (roles == RW_ROLES_POLICY) {
        return has_place ? KEEP : FOLD;
    }
    return has_place && !places->own_system ? KEEP : DROP;
}

/* Of the turn at `index`, which is not the last. */
static enum fate fate_of(const struct rw_places *places, enum rw_roles roles,
                         const struct rw_message *messages, size_t n, size_t index)
{
    const struct rw_message *m = &messages[index];
    if (is_system(m)) {
        return fate_of_system(places, roles, index);
    }
    if (places->whole && m->whole != NULL) {
        return KEEP; /* tool turns and tool calls are for the template */
    }
    if (!places->turns) {
        return FOLD;
    }
    size_t next = index + 1;
    while (next < n && is_system(&messages[next])) {
        next++;
    }
    bool repeat = m->role == RW_ROLE_USER && next < n && messages[next].role == RW_ROLE_USER;
    return repeat && !places->repeats ? FOLD : KEEP;
}

/* Texts of folded turns, waiting for a user's turn to stand before. */
struct fold {
    char *text; /* room for all turns and what stands between them */
    size_t begin;
    size_t len;
};

static void append(struct fold *fold, struct rw_str text)
{
    if (text.len == 0) {
        return;
    }
    if (fold->len > fold->begin) {
        memcpy(fold->text + fold->len, BLANK_LINE.ptr, BLANK_LINE.len);
        fold->len += BLANK_LINE.len;
    }
    memcpy(fold->text + fold->len, text.ptr, text.len);
    fold->len += text.len;
}

/* The waiting texts and this one; the next fold begins behind it. */
static struct rw_str take(struct fold *fold, struct rw_str text)
{
    append(fold, text);
    struct rw_str out = {fold->text + fold->begin, fold->len - fold->begin};
    fold->begin = fold->len;
    return out;
}

static size_t room_for(const struct rw_message *messages, size_t n)
{
    size_t bytes = 1;
    for (size_t i = 0; i < n; i++) {
        bytes += messages[i].content.len + BLANK_LINE.len;
    }
    return bytes;
}

rw_status rw_conversation_fit(const struct rw_places *places, enum rw_roles roles,
                              const struct rw_message *messages, size_t n, struct rw_arena *arena,
                              struct rw_conversation *out)
{
    *out = (struct rw_conversation){messages, n, 0, 0};
    bool fits = roles == RW_ROLES_ERROR || n == 0 || messages[n - 1].role != RW_ROLE_USER ||
                messages[n - 1].content.len == 0;
    for (size_t i = 0; i + 1 < n && !fits; i++) {
        enum fate fate = fate_of(places, roles, messages, n, i);
        out->dropped += fate == DROP;
        out->folded += fate == FOLD;
    }
    if (out->dropped + out->folded == 0) {
        return RW_OK;
    }
    struct rw_message *kept = rw_arena_array(arena, n, sizeof *kept);
    struct fold fold = {.text = rw_arena_alloc(arena, room_for(messages, n))};
    if (kept == NULL || fold.text == NULL) {
        return RW_NO_MEMORY;
    }
    out->messages = kept;
    out->n = 0;
    for (size_t i = 0; i < n; i++) {
        enum fate fate = i + 1 < n ? fate_of(places, roles, messages, n, i) : KEEP;
        if (fate == FOLD) {
            append(&fold, messages[i].content);
        } else if (fate == KEEP) {
            kept[out->n] = messages[i];
            if (messages[i].role == RW_ROLE_USER && fold.len > fold.begin) {
                kept[out->n].content = take(&fold, messages[i].content);
                kept[out->n].whole = NULL; /* it would be read without what was folded into it */
            }
            out->n++;
        }
    }
    return RW_OK;
}
