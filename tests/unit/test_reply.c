/* proto/reply, emit and accept: numbers, escapes, the five forms, negotiation, hostile step text.
 */
#include <check.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"
#include "core/base/util.h"
#include "proto/emit.h"
#include "proto/reply.h"
#include "tests/lib/suite.h"

enum {
    REPLY_BYTES = 1 << 20,
    RANDOM_FLOATS = 300000,
};

static struct rw_buf out;

static void setup(void)
{
    rw_buf_init(&out, REPLY_BYTES);
}

static void teardown(void)
{
    rw_buf_fini(&out);
}

static const char *text(void)
{
    rw_buf_append_char(&out, '\0');
    out.len--;
    return out.ptr;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void check_float(float value, const char *wanted)
{
    char got[RW_EMIT_FLOAT_BYTES];
    size_t len = rw_emit_format_float(value, got);
    ck_assert_str_eq(got, wanted);
    ck_assert_uint_eq(len, strlen(wanted));
}

START_TEST(floats_people_know)
{
    check_float(0, "0");
    check_float(-0.0F, "0");
    check_float(1, "1");
    check_float(-1, "-1");
    check_float(0.1F, "0.1");
    check_float(0.98F, "0.98");
    check_float(0.3F, "0.3");
    check_float(100, "100");
    check_float(123456, "123456");
    check_float(16777216, "16777216");
    check_float(999999999.0F, "1e+09");
    check_float(0.84018774F, "0.8401877");
    check_float(1.0F / 3, "0.33333334");
    check_float(0.99999994F, "0.99999994");
    check_float(9.9999998e-3F, "0.01");
    check_float(1e-5F, "0.00001");
    check_float(9.99e-6F, "9.99e-06");
    check_float(-12.5F, "-12.5");
    check_float(3.4028235e38F, "3.4028235e+38");
    check_float(1.17549435e-38F, "1.1754944e-38");
    check_float(1.4e-45F, "1.4013e-45"); /* %.6g finds 1.4013; 1e-45 would read back too */
}
END_TEST

/* Digits from the first to the last that is not zero. */
static size_t significant(const char *number)
{
    size_t count = 0;
    size_t zeros = 0;
    for (; *number != '\0' && *number != 'e'; number++) {
        if (*number < '0' || *number > '9' || (count == 0 && *number == '0')) {
            continue;
        }
        zeros = *number == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

/* The reference: fewest digits that printf needs. Both readers, float and double, must agree. */
static void check_random_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) {
        return;
    }
    char got[RW_EMIT_FLOAT_BYTES];
    rw_emit_format_float(value, got);
    ck_assert_msg(strtof(got, NULL) == value, "%a wrote %s", (double)value, got);
    ck_assert_msg((float)strtod(got, NULL) == value, "%a wrote %s", (double)value, got);
    char shortest[RW_EMIT_FLOAT_BYTES];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(shortest, sizeof shortest, "%.*g", digits, (double)value);
        if (strtof(shortest, NULL) == value) {
            break;
        }
    }
    /* Above 2^24 the shortest may lie exactly between two floats: a tie is no safe reading, and the
     * writer spends more digits. */
    ck_assert_msg(fabsf(value) >= 0x1p24F || significant(got) == significant(shortest),
                  "%s is not as short as %s", got, shortest);
}

START_TEST(floats_read_back)
{
    uint32_t seed = 12345;
    for (int i = 0; i < RANDOM_FLOATS; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t bits = seed ^ seed >> 15;
        check_random_float(bits);
        /* rewards and logits: exponents between 2^-20 and 2^12 */
        check_random_float((bits & 0x807FFFFF) | (107 + (bits >> 23) % 32) << 23);
    }
    for (uint32_t e = 0; e < 255; e++) { /* both sides of every power of two */
        check_random_float(e << 23);
        check_random_float((e << 23) + 1);
        check_random_float((e << 23 | 0x7FFFFF));
    }
}
END_TEST

START_TEST(powers_of_ten_and_their_neighbours)
{
    for (int e = -44; e <= 38; e++) {
        char power[16];
        snprintf(power, sizeof power, "1e%d", e);
        float value = strtof(power, NULL);
        float neighbours[] = {value, nextafterf(value, 0), nextafterf(value, INFINITY)};
        for (int i = 0; i < 3; i++) {
            char got[RW_EMIT_FLOAT_BYTES];
            rw_emit_format_float(neighbours[i], got);
            ck_assert_msg(strtof(got, NULL) == neighbours[i], "%s", got);
        }
    }
}
END_TEST

START_TEST(doubles_and_integers)
{
    rw_emit_open(&out, '[');
    rw_emit_double(&out, 0.1);
    rw_emit_double(&out, 1.0 / 3);
    rw_emit_double(&out, 1.5e12);
    rw_emit_unsigned(&out, UINT64_MAX);
    rw_emit_signed(&out, INT64_MIN);
    rw_emit_unsigned(&out, 0);
    rw_emit_bool(&out, true);
    rw_emit_close(&out, ']');
    ck_assert_str_eq(text(), "[0.1,0.3333333333333333,1500000000000,18446744073709551615,"
                             "-9223372036854775808,0,true]");
}
END_TEST

START_TEST(text_is_escaped)
{
    rw_emit_text(&out, (struct rw_str){"a\"\\\n\t\x01\x7F\0\xC3\xA9\xFFz\xE4\xB8", 14});
    ck_assert_str_eq(text(), "\"a\\\"\\\\\\n\\t\\u0001\\u007f\\u0000\xC3\xA9\xEF\xBF\xBDz"
                             "\xEF\xBF\xBD\xEF\xBF\xBD\"");
}
END_TEST

/* ---- replies --------------------------------------------------------------------------------- */

static const struct rw_reply_head HEAD = {
    .id = "r-1",
    .process = {"prm", "0123456789abcdef", "bf16"},
    .kernel = "avx2",
};

static const struct rw_reply_usage USAGE = {
    .prompt_tokens = 5,
    .scored_tokens = 27,
    .flops = 1.25e9,
    .cpu_ms = 4.12345,
    .queue_ms = 0.5,
    .total_ms = 5,
};

static struct rw_reply_step steps[2];
static struct rw_reply_flag flag;

static struct rw_reply_trace scored_trace(void)
{
    steps[0] =
        (struct rw_reply_step){0, true, 0.98F, 3.9F, RW_OK, 12, 0, 6, 0, 6, RW_STR("3*4=12")};
    steps[1] =
        (struct rw_reply_step){1, true, 0.03F, -3.5F, RW_OK, 15, 6, 13, 6, 13, RW_STR("2+12=15")};
    flag = (struct rw_reply_flag){.name = "first_error",
                                  .version = 1,
                                  .value = 0.03,
                                  .p = NAN,
                                  .fired = true,
                                  .severity = "warn",
                                  .step = 1,
                                  .message = "the reward falls here"};
    return (struct rw_reply_trace){.has_process = true,
                                   .process_scored = true,
                                   .process_reward = 0.03F,
                                   .aggregate = "min",
                                   .split = true,
                                   .separator = RW_STR("\n\n"),
                                   .steps = steps,
                                   .n_steps = 2,
                                   .flags = &flag,
                                   .n_flags = 1};
}

START_TEST(json_document)
{
    struct rw_reply_trace trace = scored_trace();
    rw_reply_begin(&out, RW_REPLY_JSON, &HEAD);
    rw_reply_trace(&out, RW_REPLY_JSON, &trace, true);
    rw_reply_end(&out, RW_REPLY_JSON, &USAGE);
    ck_assert_str_eq(
        text(),
        "{\"id\":\"r-1\",\"object\":\"rewards\",\"model\":{\"process\":{\"name\":\"prm\","
        "\"digest\":\"0123456789abcdef\",\"dtype\":\"bf16\"},\"outcome\":null},"
        "\"kernel\":\"avx2\",\"results\":[{\"item\":0,\"trace\":0,\"error\":null,"
        "\"process\":{\"reward\":0.03,\"aggregate\":\"min\",\"stopped\":false,\"error\":null},"
        "\"outcome\":null,\"split\":true,\"separator\":\"\\n\\n\",\"truncated\":false,"
        "\"steps\":[{\"index\":0,\"reward\":0.98,\"raw\":3.9,\"tokens\":12,\"bytes\":[0,6],"
        "\"chars\":[0,6]},{\"index\":1,\"reward\":0.03,\"raw\":-3.5,\"tokens\":15,"
        "\"bytes\":[6,13],\"chars\":[6,13]}],"
        "\"flags\":[{\"name\":\"first_error\",\"version\":1,\"value\":0.03,\"p\":null,"
        "\"fired\":true,\"n_cal\":0,\"severity\":\"warn\",\"step\":1,\"span\":null,"
        "\"message\":\"the reward falls here\"}]}],"
        "\"usage\":{\"prompt_tokens\":5,\"scored_tokens\":27,\"cached_tokens\":0,\"probe_tokens\":"
        "0,"
        "\"flops\":1250000000,\"cpu_ms\":4.123,\"queue_ms\":0.5,\"total_ms\":5}}\n");
}
END_TEST

START_TEST(the_checked_reward_has_a_place_of_its_own)
{
    struct rw_reply_trace trace = scored_trace();
    struct rw_reply_checked checked = {
        .scored = true, .reward = 0, .step = 1, .char_begin = 6, .char_end = 13};
    trace.checked = &checked;
    rw_reply_trace(&out, RW_REPLY_NDJSON, &trace, true);
    ck_assert(strstr(text(), "\"process\":{\"reward\":0.03,\"aggregate\":\"min\",\"stopped\":false,"
                             "\"checked\":{\"reward\":0,\"step\":1,\"span\":[6,13],"
                             "\"error\":null},\"error\":null}") != NULL);
    rw_reply_trace(&out, RW_REPLY_TEXT, &trace, true);
    ck_assert(strstr(text(), "checked  0.000  (an equation of step 2 is false)\n") != NULL);
    checked = (struct rw_reply_checked){.scored = true, .reward = 0.03F, .step = -1};
    rw_reply_trace(&out, RW_REPLY_TEXT, &trace, true);
    ck_assert(strstr(text(), "checked  0.030  (no false equation)\n") != NULL);
    checked = (struct rw_reply_checked){.step = -1};
    rw_fail(&checked.error, RW_NOT_APPLICABLE, "no steps");
    rw_reply_trace(&out, RW_REPLY_NDJSON, &trace, true);
    ck_assert(strstr(text(), "\"checked\":{\"reward\":null,\"step\":null,\"span\":null,"
                             "\"error\":{\"code\":\"not_applicable\"") != NULL);
    rw_reply_trace(&out, RW_REPLY_TEXT, &trace, true);
    ck_assert(strstr(text(), "checked  -  not_applicable: no steps\n") != NULL);
}
END_TEST

START_TEST(verified_gated_and_a_flag_without_a_value)
{
    static const char *const BY[] = {"answer_first", "min_process"};
    struct rw_reply_gated gated = {
        .scored = true, .of = "outcome", .has_ungated = true, .ungated = 0.7F, .by = BY, .n_by = 2};
    struct rw_reply_trace trace = scored_trace();
    trace.has_outcome = trace.outcome_scored = trace.has_reference = true;
    trace.outcome_reward = 0.7F;
    trace.verdict = (struct rw_reply_verdict){.verified = RW_REPLY_VERIFIED_WRONG,
                                              .rule = "number",
                                              .message = "numbers, compared exactly",
                                              .evidence = "box",
                                              .answer = RW_STR("7"),
                                              .reference = RW_STR("8"),
                                              .step = 1,
                                              .begin = 3,
                                              .end = 4};
    trace.gated = &gated;
    flag.fired = false;
    flag.error = RW_DEADLINE;
    flag.value = NAN; /* must not be written */
    rw_reply_trace(&out, RW_REPLY_JSON, &trace, true);
    ck_assert(strstr(text(),
                     "\"outcome\":{\"reward\":0.7,\"raw\":0,\"verified\":false,"
                     "\"verified_reason\":{\"rule\":\"number\",\"message\":"
                     "\"numbers, compared exactly\",\"evidence\":\"box\","
                     "\"answer\":\"7\",\"reference\":\"8\",\"step\":1,"
                     "\"bytes\":[3,4]},\"error\":null},\"gated\":{\"reward\":0,\"ungated\":0.7,"
                     "\"of\":\"outcome\",\"by\":[\"answer_first\",\"min_process\"],"
                     "\"error\":null}") != NULL);
    ck_assert(strstr(text(), "\"value\":null,") != NULL);
    ck_assert(strstr(text(), "\"error\":\"deadline_exceeded\"}") != NULL);
    rw_buf_clear(&out);
    gated = (struct rw_reply_gated){.of = "process"};
    rw_fail(&gated.error, RW_NOT_CALIBRATED, "shape has no bank");
    trace.has_outcome = false;
    trace.verdict = (struct rw_reply_verdict){.verified = RW_REPLY_VERIFIED_RIGHT};
    rw_reply_trace(&out, RW_REPLY_JSON, &trace, true);
    ck_assert(strstr(text(),
                     "\"outcome\":{\"reward\":null,\"raw\":null,\"verified\":true,"
                     "\"verified_reason\":null,\"error\":{\"code\":\"model_not_found\"") != NULL);
    ck_assert(strstr(text(), "\"gated\":{\"reward\":null,\"ungated\":null,\"of\":\"process\","
                             "\"by\":[],\"error\":{\"code\":\"not_calibrated\"") != NULL);
    rw_buf_clear(&out);
    rw_reply_trace(&out, RW_REPLY_TEXT, &trace, true);
    ck_assert(strstr(text(), "outcome  -    answer right\n") != NULL);
    ck_assert(strstr(text(), "gated    -  not_calibrated: shape has no bank\n") != NULL);
    ck_assert(strstr(text(), "first_error  step 2  deadline_exceeded  the reward falls") != NULL);
}
END_TEST

/* A trace that failed carries no number at all, whatever its other members say. */
START_TEST(a_failed_trace_has_no_reward)
{
    struct rw_error error = {.status = RW_NOT_FINITE};
    struct rw_reply_trace trace = scored_trace();
    trace.error = &error;
    trace.has_outcome = trace.outcome_scored = true;
    trace.outcome_reward = 0.7F;
    trace.n_steps = 0;
    trace.n_flags = 0;
    rw_reply_begin(&out, RW_REPLY_JSON, &HEAD);
    rw_reply_trace(&out, RW_REPLY_JSON, &trace, true);
    rw_reply_trace(&out, RW_REPLY_JSON, &trace, false);
    rw_reply_end(&out, RW_REPLY_JSON, &USAGE);
    cJSON *root = cJSON_ParseWithLength(out.ptr, out.len);
    ck_assert_ptr_nonnull(root);
    const cJSON *results = cJSON_GetObjectItem(root, "results");
    ck_assert_int_eq(cJSON_GetArraySize(results), 2);
    const cJSON *result = results->child->next;
    const cJSON *got = cJSON_GetObjectItem(result, "error");
    ck_assert_str_eq(cJSON_GetObjectItem(got, "code")->valuestring, "score_not_finite");
    const cJSON *process = cJSON_GetObjectItem(result, "process");
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(process, "reward")));
    const cJSON *outcome = cJSON_GetObjectItem(result, "outcome");
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(outcome, "reward")));
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(outcome, "raw")));
    cJSON_Delete(root);
}
END_TEST

START_TEST(a_step_that_was_not_scored)
{
    struct rw_reply_trace trace = scored_trace();
    struct rw_error error = {.status = RW_STOPPED};
    steps[1].scored = false;
    steps[1].error = RW_STOPPED;
    trace.process_scored = false;
    trace.process_error = &error;
    rw_reply_trace(&out, RW_REPLY_JSON, &trace, true);
    ck_assert(strstr(text(), "{\"index\":1,\"reward\":null,\"raw\":null,\"error\":"
                             "\"stopped_below\",\"tokens\":15") != NULL);
    ck_assert(strstr(text(), "\"process\":{\"reward\":null") != NULL);
}
END_TEST

START_TEST(json_lines)
{
    struct rw_reply_trace trace = scored_trace();
    rw_reply_begin(&out, RW_REPLY_NDJSON, &HEAD);
    rw_reply_step_event(&out, RW_REPLY_NDJSON, 3, 4, &steps[1]);
    trace.n_flags = 0;
    rw_reply_trace(&out, RW_REPLY_NDJSON, &trace, true);
    rw_reply_heartbeat(&out, RW_REPLY_NDJSON);
    rw_reply_end(&out, RW_REPLY_NDJSON, &USAGE);
    const char *line = strstr(text(), "\n{\"event\":\"step\"");
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(strncmp(line + 1,
                             "{\"event\":\"step\",\"item\":3,\"trace\":4,\"index\":1,"
                             "\"reward\":0.03,\"raw\":-3.5,\"tokens\":15,\"bytes\":[6,13],"
                             "\"chars\":[6,13]}\n",
                             112),
                     0);
    ck_assert(strstr(text(), "\"n_steps\":2") != NULL);
    size_t lines = 0;
    for (char *at = out.ptr; at < out.ptr + out.len; lines++) {
        char *end = memchr(at, '\n', (size_t)(out.ptr + out.len - at));
        ck_assert_ptr_nonnull(end);
        cJSON *root = cJSON_ParseWithLength(at, (size_t)(end - at));
        ck_assert_ptr_nonnull(root);
        ck_assert(cJSON_IsString(cJSON_GetObjectItem(root, "event")));
        cJSON_Delete(root);
        at = end + 1;
    }
    ck_assert_uint_eq(lines, 4);
}
END_TEST

START_TEST(server_sent_events)
{
    scored_trace();
    struct rw_error error;
    rw_reply_event_id(&out, "0.2");
    rw_reply_step_event(&out, RW_REPLY_SSE, 0, 2, &steps[0]);
    rw_reply_heartbeat(&out, RW_REPLY_SSE);
    rw_fail(&error, RW_DRAINING, "two\nlines");
    rw_reply_error_event(&out, RW_REPLY_SSE, &error, "r-1");
    ck_assert_str_eq(
        text(), "id: 0.2\nevent: step\ndata: {\"event\":\"step\",\"item\":0,\"trace\":2,"
                "\"index\":0,\"reward\":0.98,\"raw\":3.9,\"tokens\":12,\"bytes\":[0,6],"
                "\"chars\":[0,6]}\n\n"
                ": heartbeat\n\n"
                "event: error\ndata: {\"event\":\"error\",\"error\":{\"code\":\"draining\","
                "\"type\":\"overloaded\",\"status\":503,\"param\":null,\"message\":\"two\\nlines\","
                "\"hint\":null,\"retryable\":true,\"request_id\":\"r-1\"}}\n\n");
}
END_TEST

START_TEST(table)
{
    struct rw_reply_trace trace = scored_trace();
    rw_reply_begin(&out, RW_REPLY_TEXT, &HEAD);
    rw_reply_trace(&out, RW_REPLY_TEXT, &trace, true);
    rw_reply_end(&out, RW_REPLY_TEXT, &USAGE);
    ck_assert(strstr(text(), "process prm@01234567   kernel avx2\n") != NULL);
    ck_assert(strstr(text(), "  1  0.980 \xE2\x96\x88\xE2\x96\x88") != NULL);
    ck_assert(strstr(text(), "  2  0.030 \xE2\x96\x8E           2+12=15 ") != NULL);
    ck_assert(strstr(text(), "\xE2\x9A\x91 first_error") != NULL);
    ck_assert(strstr(text(), "process  0.030  (min of 2)\n") != NULL);
    ck_assert(strstr(text(), "27 scored") != NULL);
}
END_TEST

START_TEST(table_bars)
{
    struct rw_reply_trace trace = scored_trace();
    for (int i = 0; i <= 80; i++) {
        rw_buf_clear(&out);
        steps[0].reward = (float)i / 80;
        steps[0].text = RW_STR("|");
        rw_reply_trace(&out, RW_REPLY_TEXT, &trace, true);
        const char *bar = text() + 11;
        const char *end = strchr(bar, '|');
        struct rw_str cells = {bar, (size_t)(end - bar)};
        ck_assert_uint_eq(rw_utf8_check(cells), cells.len);
        ck_assert_uint_eq(rw_utf8_count(cells), 12); /* ten cells, two blanks */
        size_t full = 0;
        for (size_t at = rw_str_find(cells, RW_STR("\xE2\x96\x88"), 0); at < cells.len;
             at = rw_str_find(cells, RW_STR("\xE2\x96\x88"), at + 3)) {
            full++;
        }
        ck_assert_uint_eq(full, (size_t)i / 8);
    }
}
END_TEST

START_TEST(hostile_step_text_cannot_reach_the_terminal)
{
    struct rw_reply_trace trace = scored_trace();
    trace.n_flags = 0;
    trace.n_steps = 1;
    steps[0].text = RW_STR("a\x1B[2J\x1B]0;pwned\a\r\nb\tc\xC2\x9B"
                           "31m\xE2\x80\xAE"
                           "live\xE2\x80\x8B\xF3\xA0\x81\x81\xFF\x7F");
    rw_reply_trace(&out, RW_REPLY_TEXT, &trace, true);
    struct rw_str all = rw_buf_str(&out);
    ck_assert_uint_eq(rw_utf8_check(all), all.len);
    size_t lines = 0;
    for (size_t i = 0; i < all.len; i++) {
        unsigned char c = (unsigned char)all.ptr[i];
        lines += c == '\n';
        ck_assert(c >= 0x20 || c == '\n');
        ck_assert(c != 0x7F);
    }
    ck_assert_uint_eq(lines, 2); /* the step and the aggregate */
    ck_assert_uint_eq(rw_str_find(all, RW_STR("\xC2\x9B"), 0), all.len);
    ck_assert_uint_eq(rw_str_find(all, RW_STR("\xE2\x80\xAE"), 0), all.len);
    ck_assert_uint_eq(rw_str_find(all, RW_STR("\xF3\xA0"), 0), all.len);
    ck_assert_uint_lt(rw_str_find(all, RW_STR("b c"), 0), all.len);
}
END_TEST

START_TEST(long_step_text_is_cut)
{
    struct rw_reply_trace trace = scored_trace();
    char big[5000];
    memset(big, 'x', sizeof big);
    steps[0].text = (struct rw_str){big, sizeof big};
    rw_reply_trace(&out, RW_REPLY_TEXT, &trace, true);
    ck_assert_uint_lt(out.len, 400);
    ck_assert(strstr(text(), "xxx\xE2\x80\xA6\n") != NULL);
}
END_TEST

/* ---- negotiation ----------------------------------------------------------------------------- */

START_TEST(negotiation)
{
    static const struct {
        const char *accept;
        bool stream;
        int wanted; /* -1 = not acceptable */
    } CASE[] = {
        {"", false, RW_REPLY_JSON},
        {"", true, RW_REPLY_NDJSON},
        {"*/*", false, RW_REPLY_JSON},
        {"*/*", true, RW_REPLY_NDJSON},
        {"application/json", false, RW_REPLY_JSON},
        {"application/json", true, RW_REPLY_NDJSON},
        {"application/json, */*", true, RW_REPLY_NDJSON},
        {"APPLICATION/JSON; charset=utf-8", false, RW_REPLY_JSON},
        {"application/x-ndjson", false, RW_REPLY_NDJSON},
        {"application/jsonl", false, RW_REPLY_NDJSON},
        {"text/event-stream", false, RW_REPLY_SSE},
        {"text/event-stream", true, RW_REPLY_SSE},
        {"application/json, text/event-stream", true, RW_REPLY_NDJSON},
        {"application/json;q=0.5, text/event-stream", true, RW_REPLY_SSE},
        {"text/plain", false, RW_REPLY_TEXT},
        {"text/plain", true, RW_REPLY_TEXT},
        {"text/*", false, RW_REPLY_TEXT},
        {"application/*", false, RW_REPLY_JSON},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false, RW_REPLY_JSON},
        {"text/plain;q=0.5, application/json;q=0.4", false, RW_REPLY_TEXT},
        {"text/plain;q=0.4, application/json;q=0.5", false, RW_REPLY_JSON},
        {"application/json;q=0, */*", false, RW_REPLY_TEXT},
        {"*/*;q=0.1, text/event-stream;q=0.05", true, RW_REPLY_NDJSON},
        {"text/plain ; q=1.000 , */* ; q=0.999", false, RW_REPLY_TEXT},
        {"image/png", false, -1},
        {"application/json;q=0", false, -1},
        {"application/json;q=2", false, -1},
        {"json", false, -1},
        {",,;,", false, -1},
        {"*/json", false, -1},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        enum rw_reply_format format = RW_REPLY_JSON;
        struct rw_error err = {0};
        rw_status status =
            rw_reply_negotiate(rw_str_from(CASE[i].accept), CASE[i].stream, &format, &err);
        int got = status == RW_OK ? (int)format : -1;
        ck_assert_msg(got == CASE[i].wanted, "Accept \"%s\" stream %d gave %d", CASE[i].accept,
                      CASE[i].stream, got);
        ck_assert(status == RW_OK || status == RW_NOT_ACCEPTABLE);
    }
}
END_TEST

START_TEST(a_full_buffer_is_a_failure)
{
    struct rw_reply_trace trace = scored_trace();
    struct rw_buf small;
    for (size_t max = 1; max < 900; max += 7) {
        rw_buf_init(&small, max);
        rw_reply_begin(&small, RW_REPLY_JSON, &HEAD);
        rw_reply_trace(&small, RW_REPLY_JSON, &trace, true);
        rw_reply_end(&small, RW_REPLY_JSON, &USAGE);
        ck_assert(small.failed || strstr(small.ptr, "usage") != NULL);
        rw_buf_fini(&small);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reply");
    TCase *tc = tcase_create("reply");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, floats_people_know);
    tcase_add_test(tc, floats_read_back);
    tcase_add_test(tc, powers_of_ten_and_their_neighbours);
    tcase_add_test(tc, doubles_and_integers);
    tcase_add_test(tc, text_is_escaped);
    tcase_add_test(tc, json_document);
    tcase_add_test(tc, the_checked_reward_has_a_place_of_its_own);
    tcase_add_test(tc, verified_gated_and_a_flag_without_a_value);
    tcase_add_test(tc, a_failed_trace_has_no_reward);
    tcase_add_test(tc, a_step_that_was_not_scored);
    tcase_add_test(tc, json_lines);
    tcase_add_test(tc, server_sent_events);
    tcase_add_test(tc, table);
    tcase_add_test(tc, table_bars);
    tcase_add_test(tc, hostile_step_text_cannot_reach_the_terminal);
    tcase_add_test(tc, long_step_text_is_cut);
    tcase_add_test(tc, negotiation);
    tcase_add_test(tc, a_full_buffer_is_a_failure);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
