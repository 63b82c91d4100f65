/* Texts that may come from a template nobody here knows: marks that are no mathematics. */
#include "proto/chat_template.h"

#include "core/base/util.h"

enum {
    MARK_BYTES_MAX = 48,
};

/* Square marks are words in capitals, of two parts: [1] and [x] are mathematics, [MATH] a label. */
static bool is_mark_byte(char c, bool upper)
{
    bool letter =
        upper ? (c >= 'A' && c <= 'Z') : ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    return letter || (c >= '0' && c <= '9' && !upper) || c == '_' || c == '-' || c == '/';
}

/* <|name|>, <|name>, <name|>, <start_of_x>, the same with DeepSeek's bar, [NAME], [/NAME]. */
static bool is_mark(struct rw_str text)
{
    /* U+FF5C and U+2581 of DeepSeek's marks. */
    static const struct rw_str bar = RW_STR("\xEF\xBD\x9C"), low = RW_STR("\xE2\x96\x81");
    if (rw_str_starts(text, RW_STR("[|")) && rw_str_ends(text, RW_STR("|]"))) {
        text = rw_str_slice(text, 1, text.len - 1); /* EXAONE's, read as "|name|" */
        size_t n = 0;
        for (size_t i = 1; i + 1 < text.len; i++) {
            n += is_mark_byte(text.ptr[i], false) ? 1 : 0;
        }
        return n > 0 && n + 2 == text.len;
    }
    bool square = text.len > 2 && text.ptr[0] == '[';
    char close = square ? ']' : '>';
    if (text.len < (square ? 5u : 3u) || (!square && text.ptr[0] != '<') ||
        text.ptr[text.len - 1] != close) {
        return false;
    }
    struct rw_str inner = rw_str_slice(text, 1, text.len - 1);
    bool barred = (square && rw_str_is(inner, "INST")) ||
                  rw_str_starts(inner, RW_STR("start_of_")) ||
                  rw_str_starts(inner, RW_STR("end_of_"));
    for (size_t i = 0; i < inner.len;) {
        struct rw_str rest = rw_str_slice(inner, i, inner.len);
        bool wide = rw_str_starts(rest, bar) || rw_str_starts(rest, low);
        bool here = rw_str_starts(rest, bar) || (inner.ptr[i] == '|' && !square);
        if (!wide && !here && !is_mark_byte(inner.ptr[i], square)) {
            return false;
        }
        barred = barred || here || (square && memchr("_/", inner.ptr[i], 2) != NULL);
        i += wide ? bar.len : 1;
    }
    return barred;
}

bool rw_chat_template_suspect(struct rw_str text)
{
    text = rw_str_trim(rw_chat_template_skip_begin(text));
    for (size_t n = 3; n <= MARK_BYTES_MAX && n <= text.len; n++) {
        if (is_mark(rw_str_slice(text, 0, n)) ||
            is_mark(rw_str_slice(text, text.len - n, text.len))) {
            return true;
        }
    }
    return false;
}
