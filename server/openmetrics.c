#include "server/openmetrics.h"

#include <string.h>

const char RW_OPENMETRICS_TYPE[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";

static const struct rw_str TOTAL = {"_total", 6};

static bool ends_with(struct rw_str s, struct rw_str end)
{
    return s.len >= end.len && rw_str_equal(rw_str_slice(s, s.len - end.len, s.len), end);
}

/* "# HELP name text" and "# TYPE name kind". Counters, and nothing else, end in _total. */
static void write_comment(struct rw_buf *out, struct rw_str line)
{
    enum {
        NAME = 7 /* bytes of "# HELP " */
    };
    size_t end = rw_str_find(line, RW_STR(" "), NAME);
    struct rw_str name = rw_str_slice(line, NAME, end);
    rw_buf_append_str(out, rw_str_slice(line, 0, NAME));
    rw_buf_append_str(out,
                      ends_with(name, TOTAL) ? rw_str_slice(name, 0, name.len - TOTAL.len) : name);
    rw_buf_append_str(out, rw_str_slice(line, end, line.len));
}

/* le is the last label of a bucket; what a model is called comes before it, so that the text of a
 * name cannot be taken for one. */
static void write_sample(struct rw_buf *out, struct rw_str line)
{
    static const struct rw_str LE = {"le=\"", 4};
    size_t brace = line.len;
    while (brace > 0 && line.ptr[brace - 1] != '}') {
        brace--;
    }
    size_t bucket = rw_str_find(line, RW_STR("_bucket{"), 0);
    size_t name_end = rw_str_find(line, RW_STR("{"), 0);
    if (brace < 2 || bucket + 7 != name_end) {
        rw_buf_append_str(out, line);
        return;
    }
    size_t quote = brace - 2; /* the one that ends the bound */
    size_t le = quote;
    while (le > 0 && !rw_str_starts(rw_str_slice(line, le, line.len), LE)) {
        le--;
    }
    struct rw_str bound = rw_str_slice(line, le + LE.len, quote);
    rw_buf_append_str(out, rw_str_slice(line, 0, quote));
    if (rw_str_find(bound, RW_STR("."), 0) == bound.len &&
        rw_str_find(bound, RW_STR("e"), 0) == bound.len && !rw_str_is(bound, "+Inf")) {
        rw_buf_append_str(out, RW_STR(".0"));
    }
    rw_buf_append_str(out, rw_str_slice(line, quote, line.len));
}

void rw_openmetrics_write(struct rw_buf *out, struct rw_str page)
{
    for (size_t at = 0; at < page.len;) {
        size_t end = rw_str_find(page, RW_STR("\n"), at);
        struct rw_str line = rw_str_slice(page, at, end);
        if (rw_str_starts(line, RW_STR("# "))) {
            write_comment(out, line);
        } else {
            write_sample(out, line);
        }
        rw_buf_append_char(out, '\n');
        at = end + 1;
    }
    rw_buf_append_str(out, RW_STR("# EOF\n"));
}
