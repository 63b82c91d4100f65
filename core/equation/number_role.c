#include "core/equation/number_role.h"

#include "core/base/scan.h"

double rw_number_role_value(const struct rw_token *token)
{
    return (double)token->num / (double)token->den;
}

bool rw_number_role_operator(enum rw_token_kind kind)
{
    return kind == RW_TOKEN_PLUS || kind == RW_TOKEN_MINUS || kind == RW_TOKEN_TIMES ||
           kind == RW_TOKEN_OVER;
}

/* "3 + 4 = 7", "3 + 4 apples = 7", "the sum = 7": what an equation shows. In "the sum = 3 + 4" the
 * 3 is an operand. */
bool rw_number_role_is_result(const struct rw_token *token, size_t n, size_t i)
{
    size_t at = i;
    while (at > 0 &&
           (token[at - 1].kind == RW_TOKEN_OPEN || token[at - 1].kind == RW_TOKEN_MINUS)) {
        at--;
    }
    if (at == 0 || token[at - 1].kind != RW_TOKEN_EQUAL) {
        return false;
    }
    if (i + 1 >= n || !rw_number_role_operator(token[i + 1].kind) || at < 2) {
        return true;
    }
    bool words = token[at - 2].kind == RW_TOKEN_WORD || token[at - 2].kind == RW_TOKEN_BREAK ||
                 token[at - 2].kind == RW_TOKEN_BAD;
    return !words || (at >= 3 && token[at - 3].kind == RW_TOKEN_NUMBER);
}

/* "Step 3", "3. Then ...", "3: ..." */
bool rw_number_role_is_label(struct rw_str text, const struct rw_token *token, size_t n, size_t i)
{
    bool small = token[i].den == 1 && token[i].num < 100;
    bool ends = i + 1 < n && token[i + 1].kind == RW_TOKEN_BREAK;
    bool begins = i == 0 || token[i - 1].kind == RW_TOKEN_BREAK;
    if (small && ends && begins) {
        return true;
    }
    return small && i > 0 && token[i - 1].kind == RW_TOKEN_WORD &&
           rw_scan_equal(rw_str_slice(text, token[i - 1].begin, token[i - 1].end), RW_STR("step"));
}

/* An operator stands beside it, the words of a unit aside. */
bool rw_number_role_is_operand(const struct rw_token *token, size_t n, size_t i)
{
    size_t at = i + 1;
    while (at < n && at < i + 4 &&
           (token[at].kind == RW_TOKEN_WORD || token[at].kind == RW_TOKEN_PERCENT)) {
        at++;
    }
    return (at < n && rw_number_role_operator(token[at].kind)) ||
           (i > 0 && rw_number_role_operator(token[i - 1].kind));
}
