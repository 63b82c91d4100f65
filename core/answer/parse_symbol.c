/* Variables with their indices and primes, and calls: y(0). */
#include "core/answer/parse_rules.h"
#include "core/base/util.h"

/* Does f( begin a call? Of a function letter always; else where a product says nothing: y(0). */
static bool is_call(const struct rw_parser *p, const struct rw_node *symbol, bool primes)
{
    const struct rw_lexeme *x = rw_rule_peek(p);
    if (!rw_rule_is(p, '(') || p->match[p->at] == 0 || rw_str_is(symbol->name, "e") ||
        rw_str_is(symbol->name, "i")) {
        return false;
    }
    bool function = symbol->name.len == 1 && strchr("fghFGHP", symbol->name.ptr[0]) != NULL;
    if (primes || (function && (x->flags & RW_LEXEME_SPACED) == 0)) {
        return true;
    }
    size_t close = p->match[p->at];
    bool one = close == p->at + 2 && (rw_parse_at(p, p->at + 1)->kind == RW_LEXEME_NUMBER ||
                                      rw_parse_at(p, p->at + 1)->kind == RW_LEXEME_LETTER);
    bool comma = false;
    for (size_t i = p->at + 1; i < close; i++) {
        comma = comma || rw_parse_is(p, i, ',');
    }
    return comma || (one && (x->flags & RW_LEXEME_SPACED) == 0);
}

/* The arguments of a call, as children. */
void rw_rule_arguments(struct rw_parser *p, struct rw_node *call)
{
    size_t close = p->match[p->at];
    p->at++;
    p->brackets++;
    do {
        rw_parse_add(p, call, rw_parse_sum(p));
    } while (!p->failed && (rw_rule_take(p, ',') || rw_rule_take(p, ';')));
    p->brackets--;
    if (p->failed || p->at != close) {
        rw_parse_fail(p);
        return;
    }
    p->at++;
}

/* "'", "^\prime" and "^{\prime}". */
static bool prime(struct rw_parser *p)
{
    bool power = rw_rule_is(p, '^');
    bool brace = power && rw_parse_is(p, p->at + 1, '{');
    size_t at = p->at + power + brace;
    if (p->inside > 0 || !rw_parse_is(p, at, '\'') || (brace && !rw_parse_is(p, at + 1, '}'))) {
        return false;
    }
    p->at = at + 1 + brace;
    return true;
}

struct rw_node *rw_rule_symbol(struct rw_parser *p, struct rw_str name)
{
    struct rw_node *node = rw_parse_node(p, RW_NODE_SYMBOL);
    node->name = name;
    node->key = rw_parse_mix(RW_NODE_SYMBOL, rw_parse_hash(name));
    if (p->inside > 0) {
        return node;
    }
    bool primes = false;
    if (rw_rule_take(p, '_')) {
        size_t begin = p->at;
        bool group = rw_rule_is(p, '{') && p->match[begin] != 0;
        size_t end = group ? p->match[begin] + 1u : begin + 1;
        if (begin >= p->end || rw_rule_peek(p)->kind == RW_LEXEME_UNKNOWN) {
            return rw_parse_fail(p);
        }
        node->key = rw_parse_mix(node->key, rw_parse_signs(p, begin + group, end - group));
        node->name = rw_str_slice(p->l->text, (size_t)0, (size_t)0);
        p->at = RW_MIN(end, p->end);
    }
    while (prime(p)) {
        primes = true;
        node->key = rw_parse_mix(node->key, '\'');
    }
    if (!is_call(p, node, primes)) {
        return node;
    }
    node->kind = RW_NODE_OPAQUE;
    node->key = rw_parse_mix(node->key, '(');
    node->residue = node->key;
    rw_rule_arguments(p, node);
    return node;
}
