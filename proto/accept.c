/* Content negotiation, RFC 9110 section 12.5.1: the most specific range decides a format's quality,
 * the highest quality wins, our own order breaks ties. */
#include <strings.h>

#include "proto/reply.h"

#include "core/base/util.h"

enum {
    FORMATS = 4,
    QUALITY_MAX = 1000, /* thousandths */
};

struct media_range {
    struct rw_str type;    /* "application", "*" */
    struct rw_str subtype; /* "json", "*" */
    unsigned quality;
};

static const struct {
    enum rw_reply_format format;
    const char *type;
    const char *subtype;
} MEDIA[] = {
    {RW_REPLY_JSON, "application", "json"},     {RW_REPLY_NDJSON, "application", "x-ndjson"},
    {RW_REPLY_NDJSON, "application", "ndjson"}, {RW_REPLY_NDJSON, "application", "jsonl"},
    {RW_REPLY_SSE, "text", "event-stream"},     {RW_REPLY_TEXT, "text", "plain"},
};

/* Preference at equal quality. A client that asks for a stream and accepts JSON gets JSON lines. */
static const enum rw_reply_format ORDER_WHOLE[FORMATS] = {RW_REPLY_JSON, RW_REPLY_TEXT,
                                                          RW_REPLY_NDJSON, RW_REPLY_SSE};
static const enum rw_reply_format ORDER_STREAM[FORMATS - 1] = {RW_REPLY_NDJSON, RW_REPLY_SSE,
                                                               RW_REPLY_TEXT};

static bool equal_ignoring_case(struct rw_str a, const char *b)
{
    return a.len == strlen(b) && strncasecmp(a.ptr, b, a.len) == 0;
}

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ); anything else counts as 0. */
static unsigned parse_quality(struct rw_str text)
{
    if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
        (text.len > 1 && text.ptr[1] != '.')) {
        return 0;
    }
    unsigned value = text.ptr[0] == '1' ? QUALITY_MAX : 0;
    unsigned place = QUALITY_MAX / 10;
    for (size_t i = 2; i < text.len; i++, place /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return 0;
        }
        value += place * (unsigned)(text.ptr[i] - '0');
    }
    return value <= QUALITY_MAX ? value : 0;
}

/* The next piece up to `mark`, trimmed; *rest starts behind the mark. */
static struct rw_str take_until(struct rw_str *rest, struct rw_str mark)
{
    size_t at = rw_str_find(*rest, mark, 0);
    struct rw_str piece = rw_str_trim(rw_str_slice(*rest, 0, at));
    *rest = rw_str_slice(*rest, at < rest->len ? at + mark.len : at, rest->len);
    return piece;
}

static bool parse_range(struct rw_str text, struct media_range *out)
{
    struct rw_str media = take_until(&text, RW_STR(";"));
    size_t slash = rw_str_find(media, RW_STR("/"), 0);
    if (slash == media.len) {
        return false;
    }
    out->type = rw_str_slice(media, 0, slash);
    out->subtype = rw_str_slice(media, slash + 1, media.len);
    out->quality = QUALITY_MAX;
    while (text.len > 0) {
        struct rw_str parameter = take_until(&text, RW_STR(";"));
        if (parameter.len >= 2 && (parameter.ptr[0] | 0x20) == 'q' && parameter.ptr[1] == '=') {
            out->quality = parse_quality(rw_str_slice(parameter, 2, parameter.len));
        }
    }
    return true;
}

/* 3 = names the type, 2 = type/any, 1 = any, 0 = does not match. */
static unsigned specificity(const struct media_range *range, size_t media)
{
    if (rw_str_is(range->type, "*")) {
        return rw_str_is(range->subtype, "*");
    }
    if (!equal_ignoring_case(range->type, MEDIA[media].type)) {
        return 0;
    }
    if (rw_str_is(range->subtype, "*")) {
        return 2;
    }
    return equal_ignoring_case(range->subtype, MEDIA[media].subtype) ? 3 : 0;
}

static void collect(struct rw_str accept, unsigned quality[FORMATS])
{
    unsigned best[FORMATS] = {0};
    while (accept.len > 0) {
        struct media_range range;
        if (!parse_range(take_until(&accept, RW_STR(",")), &range)) {
            continue;
        }
        for (size_t i = 0; i < RW_COUNT(MEDIA); i++) {
            enum rw_reply_format format = MEDIA[i].format;
            unsigned how = specificity(&range, i);
            if (how > best[format]) {
                best[format] = how;
                quality[format] = range.quality;
            }
        }
    }
}

bool rw_reply_wants_openmetrics(struct rw_str accept)
{
    unsigned open = 0;
    unsigned plain = 0;
    while (accept.len > 0) {
        struct media_range range;
        if (!parse_range(take_until(&accept, RW_STR(",")), &range)) {
            continue;
        }
        if (equal_ignoring_case(range.type, "application") &&
            equal_ignoring_case(range.subtype, "openmetrics-text")) {
            open = RW_MAX(open, range.quality);
        } else if (equal_ignoring_case(range.type, "text") &&
                   equal_ignoring_case(range.subtype, "plain")) {
            plain = RW_MAX(plain, range.quality);
        }
    }
    return open > 0 && open >= plain;
}

rw_status rw_reply_negotiate(struct rw_str accept, bool stream, enum rw_reply_format *out,
                             struct rw_error *err)
{
    accept = rw_str_trim(accept);
    if (accept.len == 0) {
        accept = RW_STR("*/*");
    }
    unsigned quality[FORMATS] = {0};
    collect(accept, quality);
    if (stream && quality[RW_REPLY_JSON] > quality[RW_REPLY_NDJSON]) {
        quality[RW_REPLY_NDJSON] = quality[RW_REPLY_JSON];
    }
    const enum rw_reply_format *order = stream ? ORDER_STREAM : ORDER_WHOLE;
    unsigned best = 0;
    for (size_t i = 0; i < (stream ? FORMATS - 1 : FORMATS); i++) {
        if (quality[order[i]] > best) {
            best = quality[order[i]];
            *out = order[i];
        }
    }
    if (best > 0) {
        return RW_OK;
    }
    rw_fail(err, RW_NOT_ACCEPTABLE, "no representation matches the Accept header");
    rw_error_hint(err, "application/json, application/x-ndjson, text/event-stream or text/plain");
    return RW_NOT_ACCEPTABLE;
}
