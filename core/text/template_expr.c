/* Expressions of a template: Jinja's grammar and precedence. */
#include "core/base/util.h"
#include "core/text/template_parts.h"

static struct rw_tnode *parse_unary(struct rw_tparser *p, bool with_filter);
static struct rw_tnode *parse_or(struct rw_tparser *p);

static bool is_op(const struct rw_tparser *p, const char *text)
{
    return rw_tparse_is(p, RW_TTOKEN_OPERATOR, text);
}

static bool skip_op(struct rw_tparser *p, const char *text)
{
    return rw_tparse_skip(p, RW_TTOKEN_OPERATOR, text);
}

static bool is_word(const struct rw_tparser *p, const char *text)
{
    return rw_tparse_is(p, RW_TTOKEN_NAME, text);
}

/* The node, or NULL once anything failed. */
static struct rw_tnode *made(struct rw_tparser *p, struct rw_tnode *node)
{
    return p->failed ? NULL : node;
}

static struct rw_tnode *binary(struct rw_tparser *p, enum rw_tnode_type type, int op,
                               struct rw_tnode *a, struct rw_tnode *b)
{
    struct rw_tnode *node = rw_tparse_node(p, type);
    if (node != NULL) {
        node->op = op;
        node->a = a;
        node->b = b;
        node->line = a != NULL ? a->line : node->line;
    }
    return made(p, node);
}

static struct rw_tnode *constant(struct rw_tparser *p, struct rw_tval value)
{
    struct rw_tnode *node = rw_tparse_node(p, RW_TNODE_CONST);
    if (node != NULL) {
        node->value = value;
    }
    return node;
}

/* Neighbouring literals are one string. */
static struct rw_tnode *parse_string(struct rw_tparser *p)
{
    struct rw_tbuild b;
    rw_tbuild_init(&b, p->arena);
    while (p->at->type == RW_TTOKEN_STRING) {
        rw_tbuild_bytes(&b, p->at->text, RW_ORIGIN_TEMPLATE);
        p->at++;
    }
    struct rw_tval value;
    struct rw_tstr text = rw_tbuild_take(&b);
    if (b.failed || !rw_tval_string(p->arena, rw_tstr_text(&text), RW_ORIGIN_TEMPLATE, &value)) {
        return rw_tparse_fail(p, "no memory");
    }
    return constant(p, value);
}

static struct rw_tnode *parse_list(struct rw_tparser *p)
{
    struct rw_tnode *node = rw_tparse_node(p, RW_TNODE_LIST);
    p->at++;
    struct rw_tnode **tail = node != NULL ? &node->args : NULL;
    while (!p->failed && !is_op(p, "]")) {
        if (node->args != NULL && !rw_tparse_expect(p, RW_TTOKEN_OPERATOR, ",")) {
            return NULL;
        }
        if (is_op(p, "]")) {
            break;
        }
        *tail = rw_tparse_expression(p, true);
        tail = *tail != NULL ? &(*tail)->next : tail;
    }
    skip_op(p, "]");
    return made(p, node);
}

static struct rw_tnode *parse_dict(struct rw_tparser *p)
{
    struct rw_tnode *node = rw_tparse_node(p, RW_TNODE_DICT);
    p->at++;
    struct rw_tnode **tail = node != NULL ? &node->args : NULL;
    while (!p->failed && !is_op(p, "}")) {
        if (node->args != NULL && !rw_tparse_expect(p, RW_TTOKEN_OPERATOR, ",")) {
            return NULL;
        }
        if (is_op(p, "}")) {
            break;
        }
        struct rw_tnode *key = rw_tparse_expression(p, true);
        if (key == NULL || !rw_tparse_expect(p, RW_TTOKEN_OPERATOR, ":")) {
            return NULL;
        }
        struct rw_tnode *value = rw_tparse_expression(p, true);
        if (value == NULL) {
            return NULL;
        }
        key->next = value;
        *tail = key;
        tail = &value->next;
    }
    skip_op(p, "}");
    return made(p, node);
}

static struct rw_tnode *parse_word(struct rw_tparser *p)
{
    struct rw_str text = p->at->text;
    if (rw_str_is(text, "true") || rw_str_is(text, "True")) {
        p->at++;
        return constant(p, RW_TVAL_OF_BOOL(true));
    }
    if (rw_str_is(text, "false") || rw_str_is(text, "False")) {
        p->at++;
        return constant(p, RW_TVAL_OF_BOOL(false));
    }
    if (rw_str_is(text, "none") || rw_str_is(text, "None")) {
        p->at++;
        return constant(p, RW_TVAL_OF_NONE);
    }
    static const char *const SPECIAL[] = {"self", "super", "caller", "varargs", "kwargs"};
    for (size_t i = 0; i < RW_COUNT(SPECIAL); i++) {
        if (rw_str_is(text, SPECIAL[i])) {
            return rw_tparse_fail(p, "the name %s", SPECIAL[i]);
        }
    }
    struct rw_tnode *node = rw_tparse_node(p, RW_TNODE_NAME);
    if (node != NULL) {
        node->text = rw_tparse_keep(p, text);
        node->name = rw_tparse_name(p, text);
        p->at++;
    }
    return made(p, node);
}

static struct rw_tnode *parse_primary(struct rw_tparser *p)
{
    switch (p->at->type) {
    case RW_TTOKEN_NAME:
        return parse_word(p);
    case RW_TTOKEN_STRING:
        return parse_string(p);
    case RW_TTOKEN_INT:
        return constant(p, RW_TVAL_OF_INT((p->at++)->number));
    case RW_TTOKEN_FLOAT:
        return constant(p, RW_TVAL_OF_FLOAT((p->at++)->real));
    default:
        break;
    }
    if (skip_op(p, "(")) {
        struct rw_tnode *node;
        if (is_op(p, ")")) {
            node = rw_tparse_node(p, RW_TNODE_TUPLE);
        } else {
            node = rw_tparse_tuple(p, true);
        }
        return node != NULL && rw_tparse_expect(p, RW_TTOKEN_OPERATOR, ")") ? node : NULL;
    }
    if (is_op(p, "[")) {
        return parse_list(p);
    }
    if (is_op(p, "{")) {
        return parse_dict(p);
    }
    return rw_tparse_fail(p, "an expression is expected");
}

/* [x] or [begin:end:step]. */
/* Jinja reads x[a, b] as x[(a, b)], which no chat template writes; it is refused, not guessed. */
static struct rw_tnode *parse_subscript(struct rw_tparser *p, struct rw_tnode *of)
{
    struct rw_tnode *part[3] = {NULL, NULL, NULL};
    int n = 0;
    p->at++;
    for (;;) {
        if (!is_op(p, ":") && !is_op(p, "]")) {
            part[n] = rw_tparse_expression(p, true);
            if (part[n] == NULL) {
                return NULL;
            }
        }
        if (n == 2 || !skip_op(p, ":")) {
            break;
        }
        n++;
    }
    if (is_op(p, ",")) {
        return rw_tparse_fail(p, "several values between brackets");
    }
    if (!rw_tparse_expect(p, RW_TTOKEN_OPERATOR, "]")) {
        return NULL;
    }
    if (n == 0) {
        return part[0] != NULL ? binary(p, RW_TNODE_ITEM, 0, of, part[0])
                               : rw_tparse_fail(p, "nothing between brackets");
    }
    struct rw_tnode *node = binary(p, RW_TNODE_SLICE, 0, of, NULL);
    for (int i = 2; i >= 0 && node != NULL; i--) {
        struct rw_tnode *value = part[i] != NULL ? part[i] : constant(p, RW_TVAL_OF_NONE);
        if (value == NULL) {
            return NULL;
        }
        value->next = node->args;
        node->args = value;
    }
    return node;
}

static struct rw_tnode *call_args(struct rw_tparser *p)
{
    struct rw_tnode *first = NULL;
    struct rw_tnode **tail = &first;
    size_t n = 0;
    bool keywords = false;
    p->at++;
    while (!p->failed && !is_op(p, ")")) {
        if (n++ > 0 && !rw_tparse_expect(p, RW_TTOKEN_OPERATOR, ",")) {
            return NULL;
        }
        if (is_op(p, ")")) {
            break;
        }
        struct rw_tnode *arg = rw_tparse_node(p, RW_TNODE_ARG);
        if (arg == NULL || is_op(p, "*") || is_op(p, "**") || n > RW_TARGS_MAX) {
            return rw_tparse_fail(p, n > RW_TARGS_MAX ? "too many arguments"
                                                      : "arguments from a list or dict");
        }
        const struct rw_ttoken *next = p->at + 1;
        if (p->at->type == RW_TTOKEN_NAME && next->type == RW_TTOKEN_OPERATOR &&
            rw_str_is(next->text, "=")) {
            arg->text = rw_tparse_keep(p, p->at->text);
            p->at += 2;
            keywords = true;
        } else if (keywords) {
            return rw_tparse_fail(p, "a positional argument behind a keyword");
        }
        arg->a = rw_tparse_expression(p, true);
        *tail = arg;
        tail = &arg->next;
    }
    skip_op(p, ")");
    return made(p, first);
}

static struct rw_tnode *parse_postfix_one(struct rw_tparser *p, struct rw_tnode *node)
{
    if (is_op(p, "[")) {
        return parse_subscript(p, node);
    }
    if (is_op(p, "(")) {
        struct rw_tnode *call = binary(p, RW_TNODE_CALL, 0, node, NULL);
        if (call != NULL) {
            call->args = call_args(p);
        }
        return made(p, call);
    }
    p->at++; /* . */
    if (p->at->type == RW_TTOKEN_INT) {
        struct rw_tnode *index = constant(p, RW_TVAL_OF_INT(p->at->number));
        p->at++;
        return binary(p, RW_TNODE_ITEM, 0, node, index);
    }
    if (p->at->type != RW_TTOKEN_NAME) {
        return rw_tparse_fail(p, "a name is expected behind '.'");
    }
    struct rw_tnode *attr = binary(p, RW_TNODE_ATTR, 0, node, NULL);
    if (attr != NULL) {
        attr->text = rw_tparse_keep(p, (p->at++)->text);
        if (rw_str_starts(attr->text, RW_STR("__"))) {
            return rw_tparse_fail(p, "the attribute %.*s", RW_STR_ARG(attr->text));
        }
    }
    return attr;
}

static struct rw_tnode *parse_postfix(struct rw_tparser *p, struct rw_tnode *node)
{
    while (node != NULL && (is_op(p, ".") || is_op(p, "[") || is_op(p, "("))) {
        node = parse_postfix_one(p, node);
    }
    return node;
}

static struct rw_tnode *parse_filter(struct rw_tparser *p, struct rw_tnode *of)
{
    struct rw_tnode *node = binary(p, RW_TNODE_FILTER, 0, of, NULL);
    if (node == NULL) {
        return NULL;
    }
    node->text = rw_tparse_keep(p, p->at->text);
    node->line = p->at->line;
    node->op = p->at->type == RW_TTOKEN_NAME ? rw_tfilter_find(node->text) : -1;
    if (node->op < 0) {
        return rw_tparse_fail(p, "the filter %.*s", RW_STR_ARG(node->text));
    }
    p->at++;
    if (is_op(p, "(")) {
        node->args = call_args(p);
    }
    return made(p, node);
}

static bool begins_argument(const struct rw_tparser *p)
{
    switch (p->at->type) {
    case RW_TTOKEN_NAME:
        return !is_word(p, "else") && !is_word(p, "or") && !is_word(p, "and");
    case RW_TTOKEN_STRING:
    case RW_TTOKEN_INT:
    case RW_TTOKEN_FLOAT:
        return true;
    default:
        return is_op(p, "[") || is_op(p, "{");
    }
}

static struct rw_tnode *parse_test(struct rw_tparser *p, struct rw_tnode *of)
{
    bool negated = rw_tparse_skip(p, RW_TTOKEN_NAME, "not");
    struct rw_tnode *node = binary(p, RW_TNODE_TEST, 0, of, NULL);
    if (node == NULL) {
        return NULL;
    }
    node->text = rw_tparse_keep(p, p->at->text);
    node->op = p->at->type == RW_TTOKEN_NAME ? rw_ttest_find(node->text) : -1;
    if (node->op < 0) {
        return rw_tparse_fail(p, "the test %.*s", RW_STR_ARG(node->text));
    }
    p->at++;
    if (is_op(p, "(")) {
        node->args = call_args(p);
    } else if (begins_argument(p)) {
        if (is_word(p, "is")) {
            return rw_tparse_fail(p, "a test of a test");
        }
        struct rw_tnode *arg = rw_tparse_node(p, RW_TNODE_ARG);
        if (arg != NULL) {
            arg->a = parse_postfix(p, parse_primary(p));
            node->args = arg;
        }
    }
    return negated ? binary(p, RW_TNODE_NOT, 0, made(p, node), NULL) : made(p, node);
}

struct rw_tnode *rw_tparse_filters(struct rw_tparser *p, struct rw_tnode *node, bool leading)
{
    if (leading) {
        node = parse_filter(p, node);
    }
    while (node != NULL) {
        if (skip_op(p, "|")) {
            node = parse_filter(p, node);
        } else if (!leading && rw_tparse_skip(p, RW_TTOKEN_NAME, "is")) {
            node = parse_test(p, node);
        } else if (!leading && is_op(p, "(")) {
            node = parse_postfix_one(p, node);
        } else {
            break;
        }
    }
    return node;
}

static struct rw_tnode *parse_unary(struct rw_tparser *p, bool with_filter)
{
    if (++p->depth > RW_TEMPLATE_NEST_MAX) {
        return rw_tparse_fail(p, "an expression nested too deeply");
    }
    struct rw_tnode *node;
    if (is_op(p, "-") || is_op(p, "+")) {
        enum rw_tnode_type type = is_op(p, "-") ? RW_TNODE_NEG : RW_TNODE_POS;
        p->at++;
        node = binary(p, type, 0, parse_unary(p, false), NULL);
    } else {
        node = parse_primary(p);
    }
    node = parse_postfix(p, node);
    p->depth--;
    return node != NULL && with_filter ? rw_tparse_filters(p, node, false) : node;
}

static struct rw_tnode *parse_pow(struct rw_tparser *p)
{
    struct rw_tnode *left = parse_unary(p, true);
    while (left != NULL && skip_op(p, "**")) {
        left = binary(p, RW_TNODE_BINARY, RW_TOP_POW, left, parse_unary(p, true));
    }
    return left;
}

static struct rw_tnode *parse_product(struct rw_tparser *p)
{
    struct rw_tnode *left = parse_pow(p);
    while (left != NULL && (is_op(p, "*") || is_op(p, "/") || is_op(p, "//") || is_op(p, "%"))) {
        int op = p->at->text.len == 2 ? RW_TOP_FLOORDIV : p->at->text.ptr[0];
        p->at++;
        left = binary(p, RW_TNODE_BINARY, op, left, parse_pow(p));
    }
    return left;
}

static struct rw_tnode *parse_concat(struct rw_tparser *p)
{
    struct rw_tnode *first = parse_product(p);
    if (first == NULL || !is_op(p, "~")) {
        return first;
    }
    struct rw_tnode *node = rw_tparse_node(p, RW_TNODE_CONCAT);
    if (node == NULL) {
        return NULL;
    }
    node->args = first;
    struct rw_tnode *last = first;
    while (last != NULL && skip_op(p, "~")) {
        last->next = parse_product(p);
        last = last->next;
    }
    return made(p, node);
}

static struct rw_tnode *parse_sum(struct rw_tparser *p)
{
    struct rw_tnode *left = parse_concat(p);
    while (left != NULL && (is_op(p, "+") || is_op(p, "-"))) {
        int op = (p->at++)->text.ptr[0];
        left = binary(p, RW_TNODE_BINARY, op, left, parse_concat(p));
    }
    return left;
}

static int compare_op(struct rw_tparser *p)
{
    static const char *const OP[] = {"==", "!=", "<", "<=", ">", ">="};
    for (int i = 0; i < (int)RW_COUNT(OP); i++) {
        if (skip_op(p, OP[i])) {
            return i;
        }
    }
    if (rw_tparse_skip(p, RW_TTOKEN_NAME, "in")) {
        return RW_TCOMPARE_IN;
    }
    const struct rw_ttoken *next = p->at + 1;
    if (is_word(p, "not") && next->type == RW_TTOKEN_NAME && rw_str_is(next->text, "in")) {
        p->at += 2;
        return RW_TCOMPARE_NOT_IN;
    }
    return -1;
}

static struct rw_tnode *parse_compare(struct rw_tparser *p)
{
    struct rw_tnode *first = parse_sum(p);
    int op = first != NULL ? compare_op(p) : -1;
    if (op < 0) {
        return first;
    }
    struct rw_tnode *node = binary(p, RW_TNODE_COMPARE, 0, first, NULL);
    struct rw_tnode **tail = node != NULL ? &node->args : NULL;
    while (node != NULL && op >= 0) {
        struct rw_tnode *operand = binary(p, RW_TNODE_ARG, op, parse_sum(p), NULL);
        if (operand == NULL) {
            return NULL;
        }
        *tail = operand;
        tail = &operand->next;
        op = compare_op(p);
    }
    return made(p, node);
}

static struct rw_tnode *parse_not(struct rw_tparser *p)
{
    unsigned negations = 0;
    while (rw_tparse_skip(p, RW_TTOKEN_NAME, "not")) {
        negations++;
    }
    struct rw_tnode *node = parse_compare(p);
    if (negations > 1 && node != NULL) { /* two cancel out, but give a bool */
        negations = 2 - negations % 2;
    }
    for (; negations > 0 && node != NULL; negations--) {
        node = binary(p, RW_TNODE_NOT, 0, node, NULL);
    }
    return node;
}

static struct rw_tnode *parse_and(struct rw_tparser *p)
{
    struct rw_tnode *left = parse_not(p);
    while (left != NULL && rw_tparse_skip(p, RW_TTOKEN_NAME, "and")) {
        left = binary(p, RW_TNODE_AND, 0, left, parse_not(p));
    }
    return left;
}

static struct rw_tnode *parse_or(struct rw_tparser *p)
{
    struct rw_tnode *left = parse_and(p);
    while (left != NULL && rw_tparse_skip(p, RW_TTOKEN_NAME, "or")) {
        left = binary(p, RW_TNODE_OR, 0, left, parse_and(p));
    }
    return left;
}

struct rw_tnode *rw_tparse_expression(struct rw_tparser *p, bool with_condition)
{
    if (++p->depth > RW_TEMPLATE_NEST_MAX) {
        return rw_tparse_fail(p, "an expression nested too deeply");
    }
    struct rw_tnode *node = parse_or(p);
    while (node != NULL && with_condition && rw_tparse_skip(p, RW_TTOKEN_NAME, "if")) {
        struct rw_tnode *condition = parse_or(p);
        struct rw_tnode *no = NULL;
        if (rw_tparse_skip(p, RW_TTOKEN_NAME, "else")) {
            no = rw_tparse_expression(p, true);
        }
        node = binary(p, RW_TNODE_COND, 0, node, condition);
        if (node != NULL) {
            node->c = no;
        }
    }
    p->depth--;
    return made(p, node);
}

/* One expression, or several with commas between. */
struct rw_tnode *rw_tparse_tuple(struct rw_tparser *p, bool with_condition)
{
    struct rw_tnode *first = rw_tparse_expression(p, with_condition);
    if (first == NULL || !is_op(p, ",")) {
        return first;
    }
    struct rw_tnode *node = rw_tparse_node(p, RW_TNODE_TUPLE);
    struct rw_tnode *last = first;
    while (node != NULL && last != NULL && skip_op(p, ",")) {
        if (p->at->type == RW_TTOKEN_PRINT_END || p->at->type == RW_TTOKEN_TAG_END ||
            is_op(p, ")")) {
            break;
        }
        last->next = rw_tparse_expression(p, with_condition);
        last = last->next;
    }
    if (node != NULL) {
        node->args = first;
    }
    return made(p, node);
}
