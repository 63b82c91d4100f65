#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "core/text/jinja_parts.h"

enum {
    NUMBER_BYTES = 64,
};

struct parser {
    const struct rw_jinja_token *at;
    struct rw_arena *arena;
    struct rw_error *err;
    unsigned depth;
    unsigned loops; /* break and continue stand inside one */
};

typedef const struct rw_jinja_node *tree;

static rw_status expression(struct parser *p, tree *out);
static rw_status or_test(struct parser *p, tree *out);
static rw_status unary(struct parser *p, bool filters, tree *out);
static rw_status block(struct parser *p, const char *const *ends, tree *out);

static rw_status no_memory(struct parser *p)
{
    return rw_fail(p->err, RW_NO_MEMORY, "no memory for the chat template");
}

static rw_status make(struct parser *p, enum rw_jinja_node_type type, struct rw_jinja_node **out)
{
    struct rw_jinja_node *node = rw_arena_alloc(p->arena, sizeof *node);
    if (node == NULL) {
        return no_memory(p);
    }
    node->type = type;
    node->line = p->at->line;
    *out = node;
    return RW_OK;
}

static rw_status enter(struct parser *p)
{
    if (++p->depth > RW_JINJA_DEPTH_MAX) {
        return rw_jinja_refuse(p->err, p->at->line, "nested deeper than %d", RW_JINJA_DEPTH_MAX);
    }
    return RW_OK;
}

static bool is_operator(const struct parser *p, const char *text)
{
    return p->at->type == RW_JINJA_OPERATOR && rw_str_is(p->at->text, text);
}

static bool is_word(const struct parser *p, const char *text)
{
    return p->at->type == RW_JINJA_WORD && rw_str_is(p->at->text, text);
}

static bool take_operator(struct parser *p, const char *text)
{
    bool found = is_operator(p, text);
    p->at += found;
    return found;
}

static bool take_word(struct parser *p, const char *text)
{
    bool found = is_word(p, text);
    p->at += found;
    return found;
}

static rw_status unexpected(struct parser *p, const char *wanted)
{
    static const char *const NAME[] = {"the end",  "text",     "\"{{\"",     "\"}}\"",
                                       "\"{%\"",   "\"%}\"",   "a word",     "a text",
                                       "a number", "a number", "an operator"};
    if (p->at->text.len > 0 && p->at->type != RW_JINJA_DATA) {
        return rw_jinja_refuse(p->err, p->at->line, "%s is wanted before \"%.*s\"", wanted,
                               (int)RW_MIN(p->at->text.len, 40), p->at->text.ptr);
    }
    return rw_jinja_refuse(p->err, p->at->line, "%s is wanted before %s", wanted,
                           NAME[p->at->type]);
}

static rw_status want_operator(struct parser *p, const char *text)
{
    return take_operator(p, text) ? RW_OK : unexpected(p, text);
}

static rw_status want_name(struct parser *p, struct rw_str *out)
{
    if (p->at->type != RW_JINJA_WORD) {
        return unexpected(p, "a name");
    }
    *out = (p->at++)->text;
    return RW_OK;
}

/* ---- primaries ------------------------------------------------------------------------------- */

static rw_status constant(struct parser *p, struct rw_jinja_value value, tree *out)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_CONST, &node);
    if (status == RW_OK) {
        node->value = value;
        *out = node;
    }
    return status;
}

static rw_status number(struct parser *p, tree *out)
{
    char text[NUMBER_BYTES];
    size_t n = 0;
    for (size_t i = 0; i < p->at->text.len && n + 1 < sizeof text; i++) {
        if (p->at->text.ptr[i] != '_') {
            text[n++] = p->at->text.ptr[i];
        }
    }
    text[n] = '\0';
    struct rw_jinja_value value = {.type = RW_JINJA_FLOAT};
    errno = 0;
    if (p->at->type == RW_JINJA_INTEGER) {
        value = rw_jinja_make_int(strtoll(text, NULL, 10));
    } else {
        value.real = strtod(text, NULL);
    }
    if (errno == ERANGE || p->at->text.len + 1 > sizeof text) {
        return rw_jinja_refuse(p->err, p->at->line, "a number that is too large");
    }
    rw_status status = constant(p, value, out);
    p->at++;
    return status;
}

/* Texts that stand side by side are one. */
static rw_status string(struct parser *p, tree *out)
{
    size_t len = 0, n = 0;
    while (p->at[n].type == RW_JINJA_STRING) {
        len += p->at[n++].text.len;
    }
    char *to = rw_arena_array(p->arena, len + 1, 1);
    if (to == NULL) {
        return no_memory(p);
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (p->at[i].text.len > 0) {
            memcpy(to + at, p->at[i].text.ptr, p->at[i].text.len);
        }
        at += p->at[i].text.len;
    }
    rw_status status = constant(p, rw_jinja_make_str((struct rw_jinja_text){to, NULL, len}), out);
    p->at += n;
    return status;
}

/* Expressions up to `close`, a list of nodes linked by `next`. */
static rw_status elements(struct parser *p, const char *close, tree *first, size_t *n)
{
    struct rw_jinja_node *last = NULL;
    rw_status status = RW_OK;
    *n = 0;
    *first = NULL;
    while (status == RW_OK && !is_operator(p, close)) {
        tree one = NULL;
        struct rw_jinja_node *holder = NULL;
        status = make(p, RW_TREE_ARGUMENT, &holder);
        if (status == RW_OK) {
            status = expression(p, &one);
        }
        if (status == RW_OK) {
            holder->a = one;
            *(last == NULL ? first : &last->next) = holder;
            last = holder;
            *n += 1;
            if (!take_operator(p, ",") && !is_operator(p, close)) {
                status = unexpected(p, close);
            }
        }
    }
    return status == RW_OK ? want_operator(p, close) : status;
}

static rw_status listed(struct parser *p, enum rw_jinja_node_type type, const char *close,
                        tree *out)
{
    struct rw_jinja_node *node = NULL;
    tree first = NULL;
    size_t n = 0;
    rw_status status = make(p, type, &node);
    if (status == RW_OK) {
        status = elements(p, close, &first, &n);
    }
    if (status == RW_OK) {
        node->b = first;
        *out = node;
    }
    return status;
}

/* (a) is a; (a,) and (a, b) and () are tuples. */
static rw_status parenthesis(struct parser *p, tree *out)
{
    const struct rw_jinja_token *begin = p->at;
    rw_status status = listed(p, RW_TREE_TUPLE, ")", out);
    if (status != RW_OK) {
        return status;
    }
    tree first = (*out)->b;
    bool comma =
        p->at - begin >= 2 && rw_str_is(p->at[-2].text, ",") && p->at[-2].type == RW_JINJA_OPERATOR;
    if (first != NULL && first->next == NULL && !comma) {
        *out = first->a;
    }
    return RW_OK;
}

static rw_status dict(struct parser *p, tree *out)
{
    struct rw_jinja_node *node = NULL;
    struct rw_jinja_node *last = NULL;
    rw_status status = make(p, RW_TREE_DICT, &node);
    while (status == RW_OK && !is_operator(p, "}")) {
        struct rw_jinja_node *pair = NULL;
        status = make(p, RW_TREE_PAIR, &pair);
        if (status == RW_OK) {
            status = expression(p, &pair->a);
        }
        if (status == RW_OK) {
            status = want_operator(p, ":");
        }
        if (status == RW_OK) {
            status = expression(p, &pair->b);
        }
        if (status == RW_OK) {
            if (last == NULL) {
                node->b = pair;
            } else {
                last->next = pair;
            }
            last = pair;
            if (!take_operator(p, ",") && !is_operator(p, "}")) {
                status = unexpected(p, "}");
            }
        }
    }
    *out = node;
    return status == RW_OK ? want_operator(p, "}") : status;
}

static rw_status name(struct parser *p, tree *out)
{
    static const struct {
        const char *word;
        enum rw_jinja_type type;
        bool truth;
    } WORD[] = {
        {"true", RW_JINJA_BOOL, true},   {"True", RW_JINJA_BOOL, true},
        {"false", RW_JINJA_BOOL, false}, {"False", RW_JINJA_BOOL, false},
        {"none", RW_JINJA_NONE, false},  {"None", RW_JINJA_NONE, false},
    };
    for (size_t i = 0; i < RW_COUNT(WORD); i++) {
        if (take_word(p, WORD[i].word)) {
            return constant(
                p, (struct rw_jinja_value){.type = WORD[i].type, .truth = WORD[i].truth}, out);
        }
    }
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_NAME, &node);
    if (status == RW_OK) {
        node->text = (p->at++)->text;
        *out = node;
    }
    return status;
}

static rw_status primary(struct parser *p, tree *out)
{
    switch (p->at->type) {
    case RW_JINJA_WORD:
        return name(p, out);
    case RW_JINJA_STRING:
        return string(p, out);
    case RW_JINJA_INTEGER:
    case RW_JINJA_REAL:
        return number(p, out);
    default:
        break;
    }
    if (take_operator(p, "(")) {
        return parenthesis(p, out);
    }
    if (take_operator(p, "[")) {
        return listed(p, RW_TREE_LIST, "]", out);
    }
    return take_operator(p, "{") ? dict(p, out) : unexpected(p, "a value");
}

/* ---- what stands behind a primary ------------------------------------------------------------ */

/* (a, b, name=c), the bracket is taken. */
static rw_status arguments(struct parser *p, tree *out)
{
    struct rw_jinja_node *last = NULL;
    rw_status status = RW_OK;
    *out = NULL;
    while (status == RW_OK && !is_operator(p, ")")) {
        struct rw_jinja_node *argument = NULL;
        if (is_operator(p, "*") || is_operator(p, "**")) {
            return rw_jinja_refuse(p->err, p->at->line, "arguments by * are not supported");
        }
        status = make(p, RW_TREE_ARGUMENT, &argument);
        bool named = p->at->type == RW_JINJA_WORD && p->at[1].type == RW_JINJA_OPERATOR &&
                     rw_str_is(p->at[1].text, "=");
        if (status == RW_OK && named) {
            argument->text = p->at->text;
            p->at += 2;
        }
        if (status == RW_OK) {
            status = expression(p, &argument->a);
        }
        if (status == RW_OK) {
            if (last == NULL) {
                *out = argument;
            } else {
                last->next = argument;
            }
            last = argument;
            if (!take_operator(p, ",") && !is_operator(p, ")")) {
                status = unexpected(p, ")");
            }
        }
    }
    return status == RW_OK ? want_operator(p, ")") : status;
}

static rw_status call(struct parser *p, tree *out)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_CALL, &node);
    if (status == RW_OK) {
        node->a = *out;
        status = arguments(p, &node->b);
        *out = node;
    }
    return status;
}

static rw_status slice_part(struct parser *p, tree *out)
{
    bool none = is_operator(p, ":") || is_operator(p, "]");
    return none ? RW_OK : expression(p, out);
}

/* [i] or [a:b:c], the bracket is taken. */
static rw_status subscript(struct parser *p, tree *out)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_ITEM, &node);
    if (status != RW_OK) {
        return status;
    }
    node->a = *out;
    status = slice_part(p, &node->b);
    if (status == RW_OK && take_operator(p, ":")) {
        node->type = RW_TREE_SLICE;
        status = slice_part(p, &node->c);
        if (status == RW_OK && take_operator(p, ":")) {
            status = slice_part(p, &node->d);
        }
    } else if (status == RW_OK && node->b == NULL) {
        status = unexpected(p, "an index");
    }
    *out = node;
    return status == RW_OK ? want_operator(p, "]") : status;
}

static rw_status attribute(struct parser *p, tree *out)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_ATTRIBUTE, &node);
    if (status != RW_OK) {
        return status;
    }
    node->a = *out;
    *out = node;
    if (p->at->type == RW_JINJA_INTEGER) { /* messages.0 */
        tree index = NULL;
        status = number(p, &index);
        node->type = RW_TREE_ITEM;
        node->b = index;
        return status;
    }
    return want_name(p, &node->text);
}

static rw_status postfix(struct parser *p, tree *out)
{
    rw_status status = RW_OK;
    while (status == RW_OK) {
        if (take_operator(p, ".")) {
            status = attribute(p, out);
        } else if (take_operator(p, "[")) {
            status = subscript(p, out);
        } else if (take_operator(p, "(")) {
            status = call(p, out);
        } else {
            break;
        }
    }
    return status;
}

static rw_status filter(struct parser *p, tree *out)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_FILTER, &node);
    if (status == RW_OK) {
        node->a = *out;
        *out = node;
        status = want_name(p, &node->text);
    }
    if (status == RW_OK && !rw_jinja_has_filter(node->text)) {
        return rw_jinja_refuse(p->err, node->line, "the filter \"%.*s\" is not supported",
                               RW_STR_ARG(node->text));
    }
    return status == RW_OK && take_operator(p, "(") ? arguments(p, &node->b) : status;
}

/* A test may take one argument without brackets: "is divisibleby 3". */
static bool begins_argument(const struct parser *p)
{
    switch (p->at->type) {
    case RW_JINJA_WORD:
        return !is_word(p, "else") && !is_word(p, "or") && !is_word(p, "and") &&
               !is_word(p, "is") && !is_word(p, "if") && !is_word(p, "not") && !is_word(p, "in");
    case RW_JINJA_STRING:
    case RW_JINJA_INTEGER:
    case RW_JINJA_REAL:
        return true;
    default:
        return is_operator(p, "[") || is_operator(p, "{");
    }
}

static rw_status test(struct parser *p, tree *out)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_TEST, &node);
    if (status != RW_OK) {
        return status;
    }
    node->a = *out;
    *out = node;
    node->flag = take_word(p, "not");
    status = want_name(p, &node->text);
    if (status == RW_OK && !rw_jinja_has_test(node->text)) {
        return rw_jinja_refuse(p->err, node->line, "the test \"%.*s\" is not supported",
                               RW_STR_ARG(node->text));
    }
    if (status == RW_OK && take_operator(p, "(")) {
        return arguments(p, &node->b);
    }
    if (status == RW_OK && begins_argument(p)) {
        struct rw_jinja_node *argument = NULL;
        status = make(p, RW_TREE_ARGUMENT, &argument);
        if (status == RW_OK) {
            status = primary(p, &argument->a);
        }
        if (status == RW_OK) {
            status = postfix(p, &argument->a);
            node->b = argument;
        }
    }
    return status;
}

static rw_status filters(struct parser *p, tree *out)
{
    rw_status status = RW_OK;
    while (status == RW_OK) {
        if (take_operator(p, "|")) {
            status = filter(p, out);
        } else if (take_word(p, "is")) {
            status = test(p, out);
        } else if (take_operator(p, "(")) {
            status = call(p, out);
        } else {
            break;
        }
    }
    return status;
}

/* ---- operators ------------------------------------------------------------------------------- */

static rw_status join(struct parser *p, enum rw_jinja_node_type type, char op, tree right,
                      tree *left)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, type, &node);
    if (status == RW_OK) {
        node->op = op;
        node->a = *left;
        node->b = right;
        *left = node;
    }
    return status;
}

static rw_status negative(struct parser *p, char op, tree *out)
{
    rw_status status = enter(p);
    if (status == RW_OK) {
        status = unary(p, false, out);
    }
    p->depth--;
    return status == RW_OK ? join(p, RW_TREE_UNARY, op, NULL, out) : status;
}

static rw_status unary(struct parser *p, bool with_filters, tree *out)
{
    rw_status status = RW_OK;
    if (take_operator(p, "-")) {
        status = negative(p, '-', out);
    } else if (take_operator(p, "+")) {
        status = negative(p, '+', out);
    } else {
        status = primary(p, out);
    }
    if (status == RW_OK) {
        status = postfix(p, out);
    }
    return status == RW_OK && with_filters ? filters(p, out) : status;
}

/* One level of operators that bind alike, from the left. */
struct level {
    const char *word[5];
    char op[5];
};

static const struct level LEVEL[] = {
    {{"+", "-"}, {'+', '-'}},
    {{"~"}, {'~'}},
    {{"*", "/", "//", "%"}, {'*', '/', 'd', '%'}},
    {{"**"}, {'p'}},
};

static rw_status binary(struct parser *p, size_t level, tree *out)
{
    if (level == RW_COUNT(LEVEL)) {
        return unary(p, true, out);
    }
    rw_status status = binary(p, level + 1, out);
    while (status == RW_OK) {
        size_t i = 0;
        while (LEVEL[level].word[i] != NULL && !take_operator(p, LEVEL[level].word[i])) {
            i++;
        }
        if (LEVEL[level].word[i] == NULL) {
            break;
        }
        tree right = NULL;
        status = binary(p, level + 1, &right);
        if (status == RW_OK) {
            status = join(p, RW_TREE_BINARY, LEVEL[level].op[i], right, out);
        }
    }
    return status;
}

static char take_comparison(struct parser *p)
{
    static const char *const WORD[] = {"==", "!=", "<=", ">=", "<", ">"};
    static const char OP[] = "=!lg<>";
    for (size_t i = 0; i < RW_COUNT(WORD); i++) {
        if (take_operator(p, WORD[i])) {
            return OP[i];
        }
    }
    if (take_word(p, "in")) {
        return 'i';
    }
    if (is_word(p, "not") && p->at[1].type == RW_JINJA_WORD && rw_str_is(p->at[1].text, "in")) {
        p->at += 2;
        return 'n';
    }
    return '\0';
}

static rw_status comparison(struct parser *p, tree *out)
{
    rw_status status = binary(p, 0, out);
    struct rw_jinja_node *chain = NULL;
    struct rw_jinja_node *last = NULL;
    char op;
    while (status == RW_OK && (op = take_comparison(p)) != '\0') {
        struct rw_jinja_node *part = NULL;
        if (chain == NULL) {
            status = make(p, RW_TREE_COMPARE, &chain);
        }
        if (status == RW_OK) {
            status = make(p, RW_TREE_ARGUMENT, &part);
        }
        if (status == RW_OK) {
            part->op = op;
            status = binary(p, 0, &part->a);
        }
        if (status == RW_OK) {
            if (last == NULL) {
                chain->a = *out;
                chain->b = part;
            } else {
                last->next = part;
            }
            last = part;
        }
    }
    if (chain != NULL) {
        *out = chain;
    }
    return status;
}

static rw_status not_test(struct parser *p, tree *out)
{
    if (!take_word(p, "not")) {
        return comparison(p, out);
    }
    rw_status status = enter(p);
    if (status == RW_OK) {
        status = not_test(p, out);
    }
    p->depth--;
    return status == RW_OK ? join(p, RW_TREE_UNARY, '!', NULL, out) : status;
}

static rw_status and_test(struct parser *p, tree *out)
{
    rw_status status = not_test(p, out);
    while (status == RW_OK && take_word(p, "and")) {
        tree right = NULL;
        status = not_test(p, &right);
        status = status == RW_OK ? join(p, RW_TREE_BINARY, '&', right, out) : status;
    }
    return status;
}

static rw_status or_test(struct parser *p, tree *out)
{
    rw_status status = enter(p);
    if (status == RW_OK) {
        status = and_test(p, out);
    }
    while (status == RW_OK && take_word(p, "or")) {
        tree right = NULL;
        status = and_test(p, &right);
        status = status == RW_OK ? join(p, RW_TREE_BINARY, '|', right, out) : status;
    }
    p->depth--;
    return status;
}

static rw_status expression(struct parser *p, tree *out)
{
    rw_status status = enter(p);
    if (status == RW_OK) {
        status = or_test(p, out);
    }
    while (status == RW_OK && take_word(p, "if")) {
        struct rw_jinja_node *node = NULL;
        status = make(p, RW_TREE_IF_ELSE, &node);
        if (status == RW_OK) {
            node->b = *out;
            status = or_test(p, &node->a);
        }
        if (status == RW_OK && take_word(p, "else")) {
            status = expression(p, &node->c);
        }
        *out = node;
    }
    p->depth--;
    return status;
}

/* a, b at the end of a tag is a tuple. */
static rw_status open_tuple(struct parser *p, bool conditional, tree *out)
{
    rw_status status = conditional ? expression(p, out) : or_test(p, out);
    if (status != RW_OK || !is_operator(p, ",")) {
        return status;
    }
    struct rw_jinja_node *tuple = NULL;
    struct rw_jinja_node *last = NULL;
    status = make(p, RW_TREE_TUPLE, &tuple);
    for (tree one = *out; status == RW_OK;) {
        struct rw_jinja_node *holder = NULL;
        status = make(p, RW_TREE_ARGUMENT, &holder);
        if (status != RW_OK) {
            break;
        }
        holder->a = one;
        if (last == NULL) {
            tuple->b = holder;
        } else {
            last->next = holder;
        }
        last = holder;
        bool more = take_operator(p, ",") && p->at->type != RW_JINJA_FINISH &&
                    p->at->type != RW_JINJA_CLOSE;
        if (!more) {
            break;
        }
        status = conditional ? expression(p, &one) : or_test(p, &one);
    }
    *out = tuple;
    return status;
}

/* ---- statements ------------------------------------------------------------------------------ */

static rw_status finish(struct parser *p)
{
    if (p->at->type != RW_JINJA_FINISH) {
        return unexpected(p, "%}");
    }
    p->at++;
    return RW_OK;
}

/* The {% word %} that ended a block, without its end. */
static rw_status end_tag(struct parser *p, const char *word)
{
    p->at += p->at->type == RW_JINJA_BEGIN;
    return take_word(p, word) ? finish(p) : unexpected(p, word);
}

/* name | name.attribute | (a, b) | a, b */
static rw_status one_target(struct parser *p, bool attributes, tree *out)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_NAME, &node);
    if (status == RW_OK) {
        status = want_name(p, &node->text);
        *out = node;
    }
    return status == RW_OK && attributes && take_operator(p, ".") ? attribute(p, out) : status;
}

static rw_status target(struct parser *p, bool attributes, tree *out)
{
    bool bracket = take_operator(p, "(");
    rw_status status = one_target(p, attributes, out);
    if (status == RW_OK && is_operator(p, ",")) {
        struct rw_jinja_node *tuple = NULL;
        struct rw_jinja_node *last = NULL;
        tree one = *out;
        status = make(p, RW_TREE_TUPLE, &tuple);
        while (status == RW_OK) {
            struct rw_jinja_node *holder = NULL;
            status = make(p, RW_TREE_ARGUMENT, &holder);
            if (status != RW_OK) {
                break;
            }
            holder->a = one;
            if (last == NULL) {
                tuple->b = holder;
            } else {
                last->next = holder;
            }
            last = holder;
            if (!take_operator(p, ",") || p->at->type != RW_JINJA_WORD || is_word(p, "in")) {
                break;
            }
            status = one_target(p, false, &one);
        }
        *out = tuple;
    }
    return status == RW_OK && bracket ? want_operator(p, ")") : status;
}

static rw_status if_statement(struct parser *p, tree *out)
{
    static const char *const ENDS[] = {"elif", "else", "endif", NULL};
    static const char *const LAST[] = {"endif", NULL};
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_IF, &node);
    *out = node;
    while (status == RW_OK) {
        status = open_tuple(p, false, &node->a);
        status = status == RW_OK ? finish(p) : status;
        status = status == RW_OK ? block(p, ENDS, &node->b) : status;
        if (status != RW_OK || !take_word(p, "elif")) {
            break;
        }
        struct rw_jinja_node *other = NULL;
        status = make(p, RW_TREE_IF, &other);
        if (status == RW_OK) {
            other->flag = true; /* not an if that comes first behind an else */
        }
        node->c = other;
        node = other;
    }
    if (status == RW_OK && take_word(p, "else")) {
        status = finish(p);
        status = status == RW_OK ? block(p, LAST, &node->c) : status;
    }
    return status == RW_OK ? end_tag(p, "endif") : status;
}

static rw_status for_statement(struct parser *p, tree *out)
{
    static const char *const ENDS[] = {"else", "endfor", NULL};
    static const char *const LAST[] = {"endfor", NULL};
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_FOR, &node);
    *out = node;
    if (status == RW_OK) {
        status = target(p, false, &node->d);
    }
    if (status == RW_OK && !take_word(p, "in")) {
        status = unexpected(p, "in");
    }
    if (status == RW_OK) {
        status = open_tuple(p, false, &node->a);
    }
    if (status == RW_OK && take_word(p, "if")) {
        status = expression(p, &node->e);
    }
    if (status == RW_OK && is_word(p, "recursive")) {
        return rw_jinja_refuse(p->err, p->at->line, "recursive loops are not supported");
    }
    p->loops++;
    status = status == RW_OK ? finish(p) : status;
    status = status == RW_OK ? block(p, ENDS, &node->b) : status;
    p->loops--;
    if (status == RW_OK && take_word(p, "else")) {
        status = finish(p);
        status = status == RW_OK ? block(p, LAST, &node->c) : status;
    }
    return status == RW_OK ? end_tag(p, "endfor") : status;
}

/* Filters over the text of a block: "|upper|trim" behind what BODY stands for. */
static rw_status body_filters(struct parser *p, tree *out)
{
    struct rw_jinja_node *body = NULL;
    rw_status status = make(p, RW_TREE_BODY, &body);
    *out = body;
    return status == RW_OK ? filters(p, out) : status;
}

static rw_status set_statement(struct parser *p, tree *out)
{
    static const char *const ENDS[] = {"endset", NULL};
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_SET, &node);
    *out = node;
    if (status == RW_OK) {
        status = target(p, true, &node->d);
    }
    if (status == RW_OK && take_operator(p, "=")) {
        status = open_tuple(p, true, &node->a);
        return status == RW_OK ? finish(p) : status;
    }
    if (status == RW_OK) {
        node->type = RW_TREE_SET_BLOCK;
        status = body_filters(p, &node->a);
    }
    status = status == RW_OK ? finish(p) : status;
    status = status == RW_OK ? block(p, ENDS, &node->b) : status;
    return status == RW_OK ? end_tag(p, "endset") : status;
}

static rw_status macro_statement(struct parser *p, tree *out)
{
    static const char *const ENDS[] = {"endmacro", NULL};
    struct rw_jinja_node *node = NULL;
    struct rw_jinja_node *last = NULL;
    rw_status status = make(p, RW_TREE_MACRO, &node);
    *out = node;
    if (status == RW_OK) {
        status = want_name(p, &node->text);
    }
    status = status == RW_OK ? want_operator(p, "(") : status;
    while (status == RW_OK && !is_operator(p, ")")) {
        struct rw_jinja_node *parameter = NULL;
        status = make(p, RW_TREE_ARGUMENT, &parameter);
        status = status == RW_OK ? want_name(p, &parameter->text) : status;
        if (status == RW_OK && take_operator(p, "=")) {
            status = expression(p, &parameter->a);
        }
        if (status == RW_OK) {
            if (last == NULL) {
                node->c = parameter;
            } else {
                last->next = parameter;
            }
            last = parameter;
            if (!take_operator(p, ",") && !is_operator(p, ")")) {
                status = unexpected(p, ")");
            }
        }
    }
    unsigned loops = p->loops;
    p->loops = 0;
    status = status == RW_OK ? want_operator(p, ")") : status;
    status = status == RW_OK ? finish(p) : status;
    status = status == RW_OK ? block(p, ENDS, &node->b) : status;
    p->loops = loops;
    return status == RW_OK ? end_tag(p, "endmacro") : status;
}

static rw_status with_statement(struct parser *p, tree *out)
{
    static const char *const ENDS[] = {"endwith", NULL};
    struct rw_jinja_node *node = NULL;
    struct rw_jinja_node *last = NULL;
    rw_status status = make(p, RW_TREE_WITH, &node);
    *out = node;
    while (status == RW_OK && p->at->type != RW_JINJA_FINISH) {
        struct rw_jinja_node *set = NULL;
        status = make(p, RW_TREE_SET, &set);
        status = status == RW_OK ? one_target(p, false, &set->d) : status;
        status = status == RW_OK ? want_operator(p, "=") : status;
        status = status == RW_OK ? expression(p, &set->a) : status;
        if (status == RW_OK) {
            if (last == NULL) {
                node->c = set;
            } else {
                last->next = set;
            }
            last = set;
            if (!take_operator(p, ",") && p->at->type != RW_JINJA_FINISH) {
                status = unexpected(p, "%}");
            }
        }
    }
    status = status == RW_OK ? finish(p) : status;
    status = status == RW_OK ? block(p, ENDS, &node->b) : status;
    return status == RW_OK ? end_tag(p, "endwith") : status;
}

static rw_status filter_statement(struct parser *p, tree *out)
{
    static const char *const ENDS[] = {"endfilter", NULL};
    struct rw_jinja_node *node = NULL;
    struct rw_jinja_node *body = NULL;
    rw_status status = make(p, RW_TREE_FILTERED, &node);
    *out = node;
    if (status == RW_OK) {
        status = make(p, RW_TREE_BODY, &body);
    }
    if (status == RW_OK) {
        node->a = body;
        status = filter(p, &node->a);
    }
    status = status == RW_OK ? filters(p, &node->a) : status;
    status = status == RW_OK ? finish(p) : status;
    status = status == RW_OK ? block(p, ENDS, &node->b) : status;
    return status == RW_OK ? end_tag(p, "endfilter") : status;
}

static rw_status generation_statement(struct parser *p, tree *out)
{
    static const char *const ENDS[] = {"endgeneration", NULL};
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_GENERATION, &node);
    *out = node;
    status = status == RW_OK ? finish(p) : status;
    status = status == RW_OK ? block(p, ENDS, &node->b) : status;
    return status == RW_OK ? end_tag(p, "endgeneration") : status;
}

static rw_status loop_control(struct parser *p, enum rw_jinja_node_type type, tree *out)
{
    struct rw_jinja_node *node = NULL;
    if (p->loops == 0) {
        return rw_jinja_refuse(p->err, p->at->line, "break or continue outside a loop");
    }
    rw_status status = make(p, type, &node);
    *out = node;
    return status == RW_OK ? finish(p) : status;
}

static rw_status statement(struct parser *p, tree *out)
{
    if (take_word(p, "if")) {
        return if_statement(p, out);
    }
    if (take_word(p, "for")) {
        return for_statement(p, out);
    }
    if (take_word(p, "set")) {
        return set_statement(p, out);
    }
    if (take_word(p, "macro")) {
        return macro_statement(p, out);
    }
    if (take_word(p, "with")) {
        return with_statement(p, out);
    }
    if (take_word(p, "filter")) {
        return filter_statement(p, out);
    }
    if (take_word(p, "generation")) {
        return generation_statement(p, out);
    }
    if (take_word(p, "break")) {
        return loop_control(p, RW_TREE_BREAK, out);
    }
    if (take_word(p, "continue")) {
        return loop_control(p, RW_TREE_CONTINUE, out);
    }
    return rw_jinja_refuse(p->err, p->at->line, "the tag \"%.*s\" is not supported",
                           (int)RW_MIN(p->at->text.len, 40), p->at->text.ptr);
}

static rw_status output(struct parser *p, tree *out)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_OUTPUT, &node);
    *out = node;
    if (status == RW_OK) {
        status = open_tuple(p, true, &node->a);
    }
    if (status == RW_OK && p->at->type != RW_JINJA_CLOSE) {
        return unexpected(p, "}}");
    }
    p->at += status == RW_OK;
    return status;
}

static rw_status data(struct parser *p, tree *out)
{
    struct rw_jinja_node *node = NULL;
    rw_status status = make(p, RW_TREE_TEXT, &node);
    if (status == RW_OK) {
        node->text = (p->at++)->text;
        *out = node;
    }
    return status;
}

static bool ends_here(const struct parser *p, const char *const *ends)
{
    for (size_t i = 0; ends != NULL && ends[i] != NULL; i++) {
        if (p->at[1].type == RW_JINJA_WORD && rw_str_is(p->at[1].text, ends[i])) {
            return true;
        }
    }
    return false;
}

/* Up to one of the tags `ends` (which stays, without its "{%"), or the end of the template. */
static rw_status block(struct parser *p, const char *const *ends, tree *out)
{
    struct rw_jinja_node *last = NULL;
    rw_status status = enter(p);
    *out = NULL;
    while (status == RW_OK && p->at->type != RW_JINJA_END) {
        tree one = NULL;
        if (p->at->type == RW_JINJA_BEGIN && ends_here(p, ends)) {
            break;
        }
        if (p->at->type == RW_JINJA_DATA) {
            status = data(p, &one);
        } else if (p->at->type == RW_JINJA_OPEN) {
            p->at++;
            status = output(p, &one);
        } else {
            p->at++;
            status = statement(p, &one);
        }
        if (status == RW_OK) {
            if (last == NULL) {
                *out = one;
            } else {
                last->next = one;
            }
            last = (struct rw_jinja_node *)(uintptr_t)one;
        }
    }
    p->depth--;
    if (status == RW_OK && ends != NULL && p->at->type == RW_JINJA_END) {
        return rw_jinja_refuse(p->err, p->at->line, "the template ends before \"%s\"", ends[0]);
    }
    p->at += status == RW_OK && p->at->type == RW_JINJA_BEGIN;
    return status;
}

rw_status rw_jinja_parse(struct rw_str source, struct rw_arena *arena, const struct rw_jinja **out,
                         struct rw_error *err)
{
    struct rw_jinja_tokens tokens;
    rw_status status = rw_jinja_lex(source, arena, &tokens, err);
    if (status != RW_OK) {
        return status;
    }
    struct parser p = {.at = tokens.items, .arena = arena, .err = err};
    struct rw_jinja *jinja = rw_arena_alloc(arena, sizeof *jinja);
    if (jinja == NULL) {
        return no_memory(&p);
    }
    status = block(&p, NULL, &jinja->body);
    *out = jinja;
    return status;
}
