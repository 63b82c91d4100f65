#include "proto/run_labels.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/base/utf8.h"
#include "proto/emit.h"

static bool has_control(struct rw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7F) {
            return true;
        }
    }
    return false;
}

rw_status rw_run_labels_check_id(struct rw_str id, const struct rw_path *path, struct rw_error *err)
{
    /* U+0000 and lone surrogates have become U+FFFD (proto/guard.c): two ids would be one. */
    bool replaced = rw_str_find(id, RW_STR("\xEF\xBF\xBD"), 0) < id.len;
    if (id.len == 0 || id.len > RW_REQUEST_RUN_ID_MAX || replaced || has_control(id) ||
        rw_utf8_check(id) != id.len) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST,
                            "a run id has %d bytes at most and no control characters",
                            RW_REQUEST_RUN_ID_MAX);
    }
    return RW_OK;
}

static bool name_fits(struct rw_str name)
{
    bool fits = name.len > 0 && name.len <= RW_REQUEST_LABEL_NAME_MAX;
    for (size_t i = 0; fits && i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        fits = (c | 0x20) - 'a' < 26U || c - '0' < 10U || (c != '\0' && strchr("_-./", c) != NULL);
    }
    return fits;
}

/* `"name":` of the object: quotes inside of values are escaped, so it is found nowhere else. */
static bool is_there(const struct rw_request_run *run, struct rw_str name)
{
    struct rw_str all = {run->labels, run->labels_len};
    for (size_t at = rw_str_find(all, name, 1); at < all.len; at = rw_str_find(all, name, at + 1)) {
        struct rw_str behind = rw_str_slice(all, at + name.len, all.len);
        if (all.ptr[at - 1] == '"' && rw_str_starts(behind, RW_STR("\":"))) {
            return true;
        }
    }
    return false;
}

/* The object with one label more, or nothing changed. */
static bool append(struct rw_request_run *run, struct rw_str name, struct rw_str value)
{
    struct rw_buf one;
    rw_buf_init(&one, RW_REQUEST_LABELS_BYTES);
    rw_emit_open(&one, '{');
    rw_emit_name_text(&one, name);
    rw_emit_text(&one, value);
    rw_emit_close(&one, '}');
    size_t kept = run->labels_len > 0 ? run->labels_len - 1 : 0; /* without its brace */
    bool fits = !one.failed && kept + one.len < RW_REQUEST_LABELS_BYTES;
    if (fits) {
        memcpy(run->labels + kept, one.ptr, one.len);
        run->labels[kept] = kept > 0 ? ',' : '{';
        run->labels_len = kept + one.len;
        run->n_labels++;
        run->labels[run->labels_len] = '\0';
    }
    rw_buf_fini(&one);
    return fits;
}

rw_status rw_run_labels_add(struct rw_request_run *run, struct rw_str name, struct rw_str value,
                            const struct rw_path *path, struct rw_error *err)
{
    if (!name_fits(name) || value.len > RW_REQUEST_LABEL_VALUE_MAX || has_control(value) ||
        rw_utf8_check(value) != value.len) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST,
                            "a label has a name of 1 to %d letters, digits, '_', '-', '.' or '/' "
                            "and a text of %d bytes at most without control characters",
                            RW_REQUEST_LABEL_NAME_MAX, RW_REQUEST_LABEL_VALUE_MAX);
    }
    if (is_there(run, name)) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST, "the label is there twice");
    }
    if (run->n_labels == RW_REQUEST_LABELS_MAX) {
        return rw_path_fail(path, err, RW_INVALID_REQUEST, "a run has %d labels at most",
                            RW_REQUEST_LABELS_MAX);
    }
    return append(run, name, value)
               ? RW_OK
               : rw_path_fail(path, err, RW_INVALID_REQUEST, "the labels are over %d bytes of JSON",
                              RW_REQUEST_LABELS_BYTES - 1);
}
