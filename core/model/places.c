#include "core/model/places.h"

#include "core/base/util.h"
#include "core/text/jinja.h"

/* Turns as a template sees them, by the first letter of their role. Each text is found again by the
 * number of its first byte: 1 + 64 i. */
static bool renders(const struct rw_layout *layout, const struct tm *now, const char *roles,
                    struct rw_arena *arena)
{
    enum {
        NUMBERS = 64
    };
    static const struct rw_str text = {"Is 7 odd?", 9};
    struct rw_jinja_value *globals = rw_jinja_dict(arena);
    struct rw_jinja_value *messages = rw_jinja_list(arena);
    bool good = rw_jinja_put(arena, globals, "messages", messages) &&
                rw_jinja_put(arena, globals, "tools", rw_jinja_none(arena)) &&
                rw_jinja_put(arena, globals, "documents", rw_jinja_none(arena)) &&
                rw_jinja_put(arena, globals, "add_generation_prompt", rw_jinja_bool(arena, false));
    for (size_t i = 0; i < layout->n_special && good; i++) {
        good = rw_jinja_put(arena, globals, layout->special[i].name,
                            rw_jinja_str(arena, layout->special[i].text, 0));
    }
    size_t n = strlen(roles);
    for (size_t i = 0; i < n && good; i++) {
        const char *role = roles[i] == 's' ? "system" : roles[i] == 'u' ? "user" : "assistant";
        struct rw_jinja_value *message = rw_jinja_dict(arena);
        good = rw_jinja_put(arena, message, "role", rw_jinja_str(arena, rw_str_from(role), 0)) &&
               rw_jinja_put(arena, message, "content",
                            rw_jinja_str(arena, text, (uint32_t)(1 + NUMBERS * i))) &&
               rw_jinja_append(arena, messages, message);
    }
    const struct rw_jinja_context context = {globals, now};
    struct rw_jinja_text out = {0};
    struct rw_error ignored = {0};
    good = good && rw_jinja_render(layout->jinja, &context, arena, &out, &ignored) == RW_OK;
    for (size_t i = 0; i < n && good; i++) { /* a template may leave a turn out without a word */
        bool found = false;
        for (size_t at = 0; out.origin != NULL && at < out.len && !found; at++) {
            found = out.origin[at] == 1 + NUMBERS * i;
        }
        good = found;
    }
    return good;
}

struct rw_places rw_places_find(const struct rw_layout *layout, const struct tm *now,
                                struct rw_arena *arena)
{
    if (layout->jinja != NULL) {
        return (struct rw_places){
            .system = renders(layout, now, "sua", arena),
            .own_system =
                false, /* what a template adds by itself is the policy's, not a recipe's */
            .turns = renders(layout, now, "uaua", arena),
            .repeats = renders(layout, now, "uua", arena),
            .whole = true,
        };
    }
    bool turns =
        layout->section[RW_SECTION_USER].present && layout->section[RW_SECTION_ASSISTANT].present;
    return (struct rw_places){
        .system = layout->section[RW_SECTION_SYSTEM].present,
        .own_system = layout->has_system_default,
        .turns = turns,
        .repeats = turns,
    };
}
