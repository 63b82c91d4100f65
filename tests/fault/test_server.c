/* Every allocation and every socket call of a request fails once: the real daemon, with the default
 * models, on a thread of this process, asked over loopback TCP.
 *
 * A request that meets its fault may be refused with the status of its error, may lose its
 * connection, or may be answered all the same; it may never be answered wrongly: a reward that is
 * reported is, bit for bit, the reward of the run without a fault. Behind each fault a connection
 * that was open all the time must get its scores, and no allocation may be left.
 */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/alloc.h"
#include "core/base/assert.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "proto/errors.h"
#include "server/lifecycle.h"
#include "server/options.h"
#include "tests/fault/socket_calls.h"
#include "tests/lib/data.h"
#include "tests/lib/fault.h"

enum {
    REPLY_BYTES_MAX = 4 << 20,
    REQUEST_BYTES_MAX = 1 << 20,
    REWARDS_MAX = 20000,
    WAIT_SECONDS = 60, /* for a reply, under a sanitizer on a busy machine */
    FILES_SEEN_MAX = 1024,
    BYSTANDER_EVERY = 4, /* faults */
};

/* ---- libuv's own memory: counted, to show that a request needs none -------------------------- */

static atomic_long uv_allocations;

static void *uv_counted_malloc(size_t bytes)
{
    atomic_fetch_add(&uv_allocations, 1);
    return malloc(bytes);
}

static void *uv_counted_realloc(void *old, size_t bytes)
{
    atomic_fetch_add(&uv_allocations, 1);
    return realloc(old, bytes);
}

static void *uv_counted_calloc(size_t count, size_t size)
{
    atomic_fetch_add(&uv_allocations, 1);
    return calloc(count, size);
}

/* ---- the daemon ------------------------------------------------------------------------------ */

static pthread_t daemon_thread;
static struct rw_options options;
static uint16_t port;
static int daemon_exit = -1;
static int bystander = -1;

static void *run_daemon(void *ctx)
{
    (void)ctx;
    daemon_exit = rw_lifecycle_run(&options);
    return NULL;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* The daemon listens in this process: one of our files is its socket. */
static uint16_t find_port(void)
{
    for (int fd = 0; fd < FILES_SEEN_MAX; fd++) {
        int listening = 0;
        socklen_t len = sizeof listening;
        struct sockaddr_in name;
        socklen_t name_len = sizeof name;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening != 0 &&
            getsockname(fd, (struct sockaddr *)&name, &name_len) == 0) {
            return ntohs(name.sin_port);
        }
    }
    return 0;
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = WAIT_SECONDS};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* ---- one exchange ---------------------------------------------------------------------------- */

struct reply {
    char bytes[REPLY_BYTES_MAX + 1];
    size_t len;
    int status;       /* 0: none */
    const char *body; /* chunked framing still in it */
    bool whole;
};

static bool chunked(const struct reply *r)
{
    return strstr(r->bytes, "Transfer-Encoding: chunked\r\n") != NULL;
}

/* Is the message as long as its head says? Cut short, it is a failure that every client sees. */
static void judge(struct reply *r)
{
    r->bytes[r->len] = '\0';
    r->status = 0;
    r->whole = false;
    char *end = strstr(r->bytes, "\r\n\r\n");
    if (end == NULL || sscanf(r->bytes, "HTTP/1.1 %d", &r->status) != 1) {
        return;
    }
    r->body = end + 4;
    size_t have = r->len - (size_t)(r->body - r->bytes);
    const char *length = strstr(r->bytes, "Content-Length: ");
    if (length != NULL && length < end) {
        r->whole = have == strtoul(length + 16, NULL, 10);
    } else {
        r->whole = chunked(r) && have >= 5 && memcmp(r->body + have - 5, "0\r\n\r\n", 5) == 0;
    }
}

/* Sends, and reads until the daemon closes (`until_end`) or the message is whole. */
static void exchange(int fd, const char *request, bool until_end, struct reply *r)
{
    size_t len = strlen(request);
    r->len = 0;
    judge(r);
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, request + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            break; /* it may have refused us already; its words are still to be read */
        }
        sent += (size_t)n;
    }
    for (;;) {
        ssize_t n = recv(fd, r->bytes + r->len, REPLY_BYTES_MAX - r->len, 0);
        ck_assert_msg(n >= 0 || errno == ECONNRESET, "no answer to\n%.300s\n%s", request,
                      strerror(errno));
        r->len += n > 0 ? (size_t)n : 0;
        judge(r);
        if (n <= 0 || (!until_end && r->whole)) {
            return;
        }
    }
}

/* ---- what was asked, and what the answer says ------------------------------------------------ */

#define TRACE_PAIR                                                                           \
    "\"traces\":[{\"steps\":[\"3 * 4 = 12\",\"2 + 12 = 14\"]},{\"text\":\"2 + 3 = 5\\n\\n5 " \
    "* 4 = 20\"}]"

struct question {
    const char *name;
    const char *head; /* request line and headers of its own */
    const char *body; /* NULL: none; "many": a large one */
    bool scores;
    long stride; /* between the calls that fail, where there are many; 0: each one does */
};

static const struct question QUESTIONS[] = {
    {"json", "POST /v1/rewards HTTP/1.1\r\n",
     "{\"prompt\":\"What is 2 + 3 * 4?\",\"stop_below\":0.001," TRACE_PAIR "}", true},
    {"messages", "POST /v1/rewards HTTP/1.1\r\n",
     "{\"items\":[{\"messages\":[{\"role\":\"user\",\"content\":\"\\u0031 + 1?\"}]," TRACE_PAIR
     "}],\"aggregate\":\"mean\",\"flags\":\"free\",\"run\":{\"id\":\"r\",\"step\":1}}",
     true},
    {"ndjson", "POST /v1/rewards HTTP/1.1\r\n",
     "{\"prompt\":\"What is 2 + 3 * 4?\",\"stream\":true," TRACE_PAIR "}", true},
    {"sse", "POST /v1/rewards HTTP/1.1\r\nAccept: text/event-stream\r\n",
     "{\"prompt\":\"What is 2 + 3 * 4?\"," TRACE_PAIR "}", true},
    {"table", "POST /v1/rewards HTTP/1.1\r\nAccept: text/plain\r\n",
     "{\"prompt\":\"What is 2 + 3 * 4?\"," TRACE_PAIR "}", false},
    {"large", "POST /v1/rewards HTTP/1.1\r\n", "many", true, 83},
    {"get_reward", "POST /get_reward HTTP/1.1\r\n",
     "{\"query\":[\"What is 2 + 3 * 4? 14\"],\"prompts\":[\"What is 2 + 3 * 4?\"]}", true},
    {"bad json", "POST /v1/rewards HTTP/1.1\r\n", "{\"prompt\":", false},
    {"models", "GET /v1/models HTTP/1.1\r\n", NULL, false},
    {"metrics", "GET /metrics HTTP/1.1\r\n", NULL, false},
    {"readyz", "GET /readyz HTTP/1.1\r\n", NULL, false},
    {"nowhere", "GET /nowhere HTTP/1.1\r\n", NULL, false},
    {"deep", "POST /v1/rewards HTTP/1.1\r\n",
     "{\"prompt\":\"What is 2 + 3 * 4?\",\"flags\":\"deep\",\"flags_all\":true,\"reference\":14,"
     "\"gate\":[\"min_process\"]," TRACE_PAIR "}",
     true, 11},
    {"runs", "GET /v1/runs HTTP/1.1\r\n", NULL, false},
    {"run", "GET /v1/runs/r HTTP/1.1\r\n", NULL, false}, /* begun by "messages" */
};

enum {
    READYZ = 10,
    QUESTION_COUNT = RW_COUNT(QUESTIONS),
};

/* Over 16 kB, so that a prepare thread reads it; the reply is sent while it is written. Only eight
 * of its traces differ: the prefix cache has them after the first run, and each fault costs no
 * seconds of scoring. */
static void large_body(char *out, size_t size)
{
    size_t n =
        (size_t)snprintf(out, size, "{\"prompt\":\"Count.\",\"outcome_model\":null,\"traces\":[");
    for (int i = 0; i < 320; i++) {
        n += (size_t)snprintf(out + n, size - n,
                              "%s{\"steps\":[\"%d + 1 = %d is the first of the steps\"]}",
                              i > 0 ? "," : "", i % 8, i % 8 + 1);
    }
    snprintf(out + n, size - n, "]}");
}

static const char *request_of(const struct question *q, bool keep)
{
    static char text[REQUEST_BYTES_MAX + 1024];
    static char large[REQUEST_BYTES_MAX];
    const char *body = q->body != NULL ? q->body : "";
    if (strcmp(body, "many") == 0) {
        large_body(large, sizeof large);
        body = large;
    }
    snprintf(text, sizeof text, "%sHost: localhost\r\n%s%s%zu\r\n\r\n%s", q->head,
             keep ? "" : "Connection: close\r\n", "Content-Length: ", strlen(body), body);
    return text;
}

/* Numbers behind "reward":, "raw":, "rewards":[ ... sorted. */
struct rewards {
    size_t n;
    double value[REWARDS_MAX];
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void collect_rewards(const struct reply *r, struct rewards *out)
{
    static const char *const KEYS[] = {"\"reward\":", "\"raw\":", "\"rewards\":["};
    out->n = 0;
    for (const char *at = r->body; at != NULL && *at != '\0'; at++) {
        for (size_t k = 0; k < RW_COUNT(KEYS); k++) {
            size_t len = strlen(KEYS[k]);
            char *end;
            double value;
            if (strncmp(at, KEYS[k], len) == 0 &&
                (value = strtod(at + len, &end), end != at + len)) {
                ck_assert_uint_lt(out->n, REWARDS_MAX);
                out->value[out->n++] = value;
            }
        }
    }
    qsort(out->value, out->n, sizeof out->value[0], by_value);
}

/* A part may be null with a reason; what is there must be of the clean run. Events of several
 * traces come in the order in which they are computed. Both are sorted. */
static void expect_subset(const char *name, const struct rewards *all, const struct rewards *got)
{
    size_t at = 0;
    for (size_t i = 0; i < got->n; i++) {
        while (at < all->n && all->value[at] < got->value[i]) {
            at++;
        }
        ck_assert_msg(at < all->n && all->value[at] == got->value[i],
                      "%s: %.9g is no reward of the clean run", name, got->value[i]);
        at++;
    }
}

static struct reply reply;
static struct rewards clean[QUESTION_COUNT];
static int clean_status[QUESTION_COUNT];
static size_t clean_len[QUESTION_COUNT];
static long error_events[QUESTION_COUNT]; /* streams that said themselves that they failed */

static bool refusal(int status)
{
    return status == rw_error_entry(RW_NO_MEMORY)->http_status ||
           status == rw_error_entry(RW_OVERLOADED)->http_status;
}

/* `must_succeed`: the fault is one that a correct program overcomes. */
static void check_answer(int q, bool must_succeed)
{
    static struct rewards got;
    const char *name = QUESTIONS[q].name;
    if (!reply.whole) {
        ck_assert_msg(!must_succeed, "%s: the reply is cut short", name);
        return; /* the client sees a broken message: a failure, not a score */
    }
    if (reply.status != clean_status[q]) {
        ck_assert_msg(!must_succeed && refusal(reply.status), "%s: status %d\n%.300s", name,
                      reply.status, reply.bytes);
        return;
    }
    collect_rewards(&reply, &got);
    bool partial = (strstr(reply.bytes, "X-Rewardd-Errors: ") != NULL &&
                    strstr(reply.bytes, "X-Rewardd-Errors: 0") == NULL) ||
                   strstr(reply.body, "out_of_memory") != NULL; /* a flag that says so is short */
    if (!QUESTIONS[q].scores && !partial &&
        reply.status == 200) { /* counters grow by a digit at most */
        ck_assert_msg(reply.len > clean_len[q] - clean_len[q] / 10, "%s: half a document\n%.2000s",
                      name, reply.bytes);
    }
    bool told = strstr(reply.body, "\"error\":{") != NULL;
    if (must_succeed || !told) {
        ck_assert_msg(got.n == clean[q].n, "%s: %zu rewards of %zu, and no error\n%.2000s", name,
                      got.n, clean[q].n, reply.bytes);
    }
    expect_subset(name, &clean[q], &got);
    if (QUESTIONS[q].scores && chunked(&reply) && strstr(reply.body, "event") != NULL) {
        bool failed = strstr(reply.body, "\"event\":\"error\"") != NULL;
        bool done = strstr(reply.body, "\"event\":\"done\"") != NULL;
        ck_assert_msg(done != failed, "%s: a stream without its one end\n%.2000s", name,
                      reply.bytes);
        ck_assert_msg(done || !must_succeed, "%s: a stream that failed", name);
        error_events[q] += failed ? 1 : 0;
    }
}

/* ---- the runs -------------------------------------------------------------------------------- */

static void ask_bystander(void)
{
    static struct rewards got;
    exchange(bystander, request_of(&QUESTIONS[0], true), false, &reply);
    ck_assert_msg(reply.whole && reply.status == 200, "the bystander got %d", reply.status);
    collect_rewards(&reply, &got);
    ck_assert_uint_eq(got.n, clean[0].n);
    expect_subset("bystander", &clean[0], &got);
}

static long settled;

/* A reply's memory is freed behind it: on a busy machine the first count may come too early, and be
 * too high. */
static bool is_settled(void)
{
    long live = rw_fault_live_allocations();
    settled = RW_MIN(live, settled);
    return live == settled;
}

static void expect_no_leak(const char *name, long nth)
{
    for (int i = 0; i < WAIT_SECONDS * 1000; i++) {
        if (is_settled()) {
            return;
        }
        nap();
    }
    ck_abort_msg("%s: %ld allocations left behind call %ld", name,
                 rw_fault_live_allocations() - settled, nth);
}

/* One question on a connection of its own, with the fault; whether it was met. */
static bool ask(int q, enum rw_fault_kind memory, enum io_fault io, long nth)
{
    io_fault_arm(io, nth);
    rw_fault_arm(memory, nth);
    int fd = dial();
    exchange(fd, request_of(&QUESTIONS[q], false), true, &reply);
    close(fd);
    bool met = rw_fault_met() || io_fault_met();
    rw_fault_arm(RW_FAULT_NONE, 0);
    io_fault_arm(IO_NONE, 0);
    return met;
}

static void start(void)
{
    static char prm[RW_TEST_PATH_MAX];
    static char orm[RW_TEST_PATH_MAX];
    rw_test_source_path("deploy/models/rewardd-prm-small", prm);
    rw_test_source_path("deploy/models/rewardd-orm-small", orm);
    const char *argv[] = {"rewardd",     "--model",
                          prm,           "--model",
                          orm,           "--listen",
                          "127.0.0.1:0", "--threads",
                          "1",           "--drain-delay",
                          "0",           "--kv-memory",
                          "64M",         "--idle-timeout",
                          "3600s",               /* the bystander may wait long */
                          "--sandbox",   "off"}; /* the test lives in this process too */
    char *none[] = {NULL};
    struct rw_error err = {0};
    int rc = uv_replace_allocator(uv_counted_malloc, uv_counted_realloc, uv_counted_calloc, free);
    ck_assert_int_eq(rc, 0);
    rw_fault_install();
    rw_log_configure(RW_LOG_OFF, false);
    ck_assert_msg(rw_options_parse(&options, RW_COUNT(argv), (char *const *)(uintptr_t)argv, none,
                                   &err) == RW_OK,
                  "%s", err.message);
    ck_assert_int_eq(pthread_create(&daemon_thread, NULL, run_daemon, NULL), 0);
    io_fault_begin(daemon_thread);
    while (port == 0) {
        port = find_port();
        nap();
    }
    do { /* until the models are read */
        ask(READYZ, RW_FAULT_NONE, IO_NONE, 0);
        nap();
    } while (reply.status != 200);
    bystander = dial();
    for (int q = 0; q < QUESTION_COUNT; q++) {
        ask(q, RW_FAULT_NONE, IO_NONE, 0);
        ck_assert_msg(reply.whole, "%s: %s", QUESTIONS[q].name, reply.bytes);
        clean_status[q] = reply.status;
        clean_len[q] = reply.len;
        collect_rewards(&reply, &clean[q]);
        ck_assert_msg(!QUESTIONS[q].scores || (reply.status == 200 && clean[q].n > 0), "%s: %s",
                      QUESTIONS[q].name, reply.bytes);
    }
    ask_bystander();
    for (int i = 0; i < 50; i++) {
        nap();
    }
    settled = rw_fault_live_allocations();
}

static void stop(void)
{
    close(bystander);
    kill(getpid(), SIGTERM);
    pthread_join(daemon_thread, NULL);
    io_fault_end();
    ck_assert_int_eq(daemon_exit, 0);
    rw_options_fini(&options);
    ck_assert_msg(rw_fault_live_allocations() == 0, "%ld allocations left at the end",
                  rw_fault_live_allocations());
    rw_fault_uninstall();
}

static void each_allocation(int q, enum rw_fault_kind kind, long stride)
{
    long met = 0;
    for (long nth = 1; ask(q, kind, IO_NONE, nth); nth += stride) {
        met++;
        check_answer(q, false);
        if (met % BYSTANDER_EVERY == 0) {
            ask_bystander();
        }
        expect_no_leak(QUESTIONS[q].name, nth);
    }
    check_answer(q, true); /* the last run met none */
    printf("%-12s %ld allocations refused%s\n", QUESTIONS[q].name, met,
           kind == RW_FAULT_ALLOC_FROM ? ", with all behind" : "");
    ck_assert_int_gt(met, 0);
}

START_TEST(each_allocation_fails_once)
{
    each_allocation(_i, RW_FAULT_ALLOC, QUESTIONS[_i].stride > 0 ? QUESTIONS[_i].stride : 1);
    bool events =
        strcmp(QUESTIONS[_i].name, "ndjson") == 0 || strcmp(QUESTIONS[_i].name, "sse") == 0;
    ck_assert_int_eq(error_events[_i] > 0, events);
}
END_TEST

START_TEST(memory_runs_out)
{
    each_allocation(_i, RW_FAULT_ALLOC_FROM,
                    QUESTIONS[_i].stride > 0 ? 3 * QUESTIONS[_i].stride : 5);
}
END_TEST

START_TEST(each_socket_call_fails_once)
{
    static const bool OVERCOME[IO_FAULTS] = {
        [IO_READ_INTERRUPTED] = true,  [IO_READ_ONE_BYTE] = true,  [IO_READ_AGAIN] = true,
        [IO_WRITE_INTERRUPTED] = true, [IO_WRITE_ONE_BYTE] = true, [IO_WRITE_AGAIN] = true,
        [IO_ACCEPT_ABORTED] = true, /* libuv asks for the next one: ours is still in the queue */
    };
    long met = 0;
    for (int io = IO_NONE + 1; io < IO_FAULTS; io++) {
        for (long nth = 1; ask(_i, RW_FAULT_NONE, (enum io_fault)io, nth); nth++) {
            met++;
            check_answer(_i, OVERCOME[io]);
            if (met % BYSTANDER_EVERY == 0) {
                ask_bystander();
            }
            /* Out of files, libuv accepts and closes all that wait, the next one perhaps, too. */
            do {
                ask(READYZ, RW_FAULT_NONE, IO_NONE, 0);
            } while (io == IO_ACCEPT_NO_FILES && !reply.whole);
            expect_no_leak(QUESTIONS[_i].name, nth);
        }
        check_answer(_i, true);
    }
    printf("%-12s %ld socket calls failed\n", QUESTIONS[_i].name, met);
    ck_assert_int_ge(met, 2 * 4);
}
END_TEST

START_TEST(libuv_allocates_nothing_for_a_request)
{
    long before = atomic_load(&uv_allocations);
    ck_assert_int_gt(before, 0);
    for (int q = 0; q < QUESTION_COUNT; q++) {
        ask(q, RW_FAULT_NONE, IO_NONE, 0);
        check_answer(q, true);
    }
    ck_assert_int_eq(atomic_load(&uv_allocations), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server faults");
    TCase *tc = tcase_create("server faults");
    tcase_add_unchecked_fixture(tc, start, stop);
    tcase_add_loop_test(tc, each_allocation_fails_once, 0, QUESTION_COUNT);
    tcase_add_loop_test(tc, memory_runs_out, 0, QUESTION_COUNT);
    tcase_add_loop_test(tc, each_socket_call_fails_once, 0, QUESTION_COUNT);
    tcase_add_test(tc, libuv_allocates_nothing_for_a_request);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* the daemon is a thread of this process */
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
