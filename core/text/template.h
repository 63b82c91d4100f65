/* Chat templates: the part of Jinja that they use, as transformers renders it
 * (ImmutableSandboxedEnvironment, trim_blocks, lstrip_blocks, loop controls, its own tojson).
 *
 * The subset. Statements: if/elif/else, for (filter, else, tuple targets; not recursive), break,
 *   continue, set (several targets, attributes of a namespace, block form), macro, with, filter,
 *   generation, raw, comments; `-` and `+` at tags.
 * Expressions: literals, lists, tuples, dicts, attributes, items, slices, calls with keywords,
 *   + - * / // % ** ~, comparisons (chained, in, not in), and/or/not, x if y else z, filters,
 * tests. loop: index index0 revindex revindex0 first last length depth depth0 previtem nextitem
 * cycle. Functions: range namespace dict raise_exception strftime_now. Filters: abs capitalize
 * count d default dictsort e escape first float indent int items join last length list lower map
 * max min reject rejectattr replace reverse round safe select selectattr sort string sum title
 * tojson trim unique upper. Tests: boolean callable defined divisibleby eq equalto == even false
 * filter float ge >= gt > greaterthan in integer iterable le <= lessthan lt < lower mapping ne !=
 * none number odd sameas sequence string test true undefined upper. Methods of text: capitalize
 * count endswith find format index isalpha isdigit islower isspace isupper join lower lstrip
 * partition removeprefix removesuffix replace rfind rpartition rsplit rstrip split splitlines
 * startswith strip title upper zfill; of dicts: copy get items keys values; of lists: count index.
 * Anything else is refused when the model is loaded, with its line; what only a value shows (a sum
 * of text and number, upper case beyond ASCII) refuses the request.
 *
 * Parsing gives an immutable tree; rendering is pure and may run on any thread. Both are bounded.
 */
#ifndef RW_TEXT_TEMPLATE_H
#define RW_TEXT_TEMPLATE_H

#include <time.h>

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/text/template_value.h"

enum {
    RW_TEMPLATE_BYTES_MAX = 1 << 20,
    RW_TEMPLATE_NAMES_MAX = 4096,    /* different variables */
    RW_TEMPLATE_NEST_MAX = 100,      /* expressions and statements inside each other, when parsed */
    RW_TEMPLATE_DEPTH_MAX = 400,     /* the same when rendered, through macros too */
    RW_TEMPLATE_STEPS_MAX = 1 << 24, /* nodes evaluated and blocks of text looked at */
    RW_TEMPLATE_RANGE_MAX = 100000,  /* items of range(), as in Jinja's sandbox */
    RW_TEMPLATE_OUTPUT_MAX = 1 << 28, /* bytes */
};

struct rw_template;

/* MODEL_UNSUPPORTED names the line; the text is not needed afterwards. */
rw_status rw_template_parse(struct rw_str text, struct rw_arena *arena, struct rw_template **out,
                            struct rw_error *err);
/* Whether strftime_now occurs. */
bool rw_template_uses_date(const struct rw_template *template_of);

struct rw_template_input {
    struct rw_tval variables; /* DICT: messages, bos_token, ... */
    const struct tm *now;     /* strftime_now */
};

/* Everything in `arena`, whose cap bounds it. INVALID_REQUEST: raise_exception or a Python error;
 * LIMIT_EXCEEDED; NO_MEMORY. */
rw_status rw_template_render(const struct rw_template *template_of,
                             const struct rw_template_input *input, struct rw_arena *arena,
                             struct rw_tstr *out, struct rw_error *err);

#endif
