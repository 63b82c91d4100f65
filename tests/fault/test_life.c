/* The reload of keys and the end of a daemon, each with every allocation and every system call of
 * its loop failing once: the real server over loopback TCP, with an engine of no arithmetic, so
 * that a day of it takes milliseconds.
 *
 * Reload: keys that were good stay, whatever fails; never is a part of a folder taken for all of
 * it; and the next look finds the new ones. Drain: the daemon ends in its time; a request that was
 * complete is answered or refused, and nobody gets a part of a reply as a whole one; nothing is
 * left allocated. */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/util.h"
#include "server/lifecycle.h"
#include "server/options.h"
#include "tests/fault/socket_calls.h"
#include "tests/lib/fault.h"

enum {
    WAIT_SECONDS = 30, /* for a reply, and for the end of a daemon, on a busy machine */
    REPLY_MAX = 64 * 1024,
    FILES_SEEN_MAX = 1024,
    FAULTS_MAX = 4000, /* a life that meets more does not end */
};

static char folder[] = "/tmp/rewardd-life-XXXXXX";
static char keys[64];

static const char KEY_A[] = "0123456789abcdef0123456789abcdef"; /* stays */
static const char KEY_B[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"; /* comes and goes */

/* ---- the daemon ------------------------------------------------------------------------------ */

static pthread_t daemon_thread;
static struct rw_options options;
static uint16_t port;
static int daemon_exit;

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

static void put(int fd, const char *text)
{
    ck_assert(send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0 || errno == EPIPE ||
              errno == ECONNRESET);
}

/* All that comes until the daemon closes; the status, 0 = none. *whole: as its head says. */
static int hear(int fd, bool *whole)
{
    static char text[REPLY_MAX + 1];
    size_t len = 0;
    ssize_t n;
    while ((n = recv(fd, text + len, REPLY_MAX - len, 0)) > 0) {
        len += (size_t)n;
    }
    ck_assert_msg(n == 0 || errno == ECONNRESET, "no answer: %s", strerror(errno));
    close(fd);
    text[len] = '\0';
    int status = 0;
    const char *body = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    *whole = body != NULL && sscanf(text, "HTTP/1.1 %d", &status) == 1 && length != NULL &&
             strtoul(length + 16, NULL, 10) == strlen(body + 4);
    return *whole ? status : 0;
}

static const char *ask_with(const char *key)
{
    static const char BODY[] = "{\"prompt\":\"a\",\"traces\":[{\"steps\":[\"b\",\"c\"]}]}";
    static char text[1024];
    snprintf(text, sizeof text,
             "POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             key, sizeof BODY - 1, BODY);
    return text;
}

static int status_with(const char *key)
{
    bool whole;
    int fd = dial();
    put(fd, ask_with(key));
    return hear(fd, &whole);
}

static void begin_life(void)
{
    const char *argv[] = {"rewardd",     "--model",           "process", "--listen",
                          "127.0.0.1:0", "--drain-delay",     "0",       "--drain-timeout",
                          "30ms",        "--api-key-file",    keys,      "--sandbox",
                          "off",         "--prepare-threads", "1"};
    char *none[] = {NULL};
    struct rw_error err = {0};
    ck_assert_msg(rw_options_parse(&options, RW_COUNT(argv), (char *const *)(uintptr_t)argv, none,
                                   &err) == RW_OK,
                  "%s", err.message);
    ck_assert_int_eq(pthread_create(&daemon_thread, NULL, run_daemon, NULL), 0);
    io_fault_begin(daemon_thread);
    for (port = 0; port == 0; port = find_port()) {
        nap();
    }
}

static void await_end(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    ck_assert_msg(pthread_timedjoin_np(daemon_thread, NULL, &until) == 0, "it does not end");
    io_fault_end();
    rw_options_fini(&options);
}

static void disarm(void)
{
    rw_fault_arm(RW_FAULT_NONE, 0);
    io_fault_arm(IO_NONE, 0);
}

static void write_key(const char *name, const char *key)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", keys, name);
    if (key == NULL) {
        unlink(path);
        return;
    }
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "%s\n", key);
    fclose(file);
}

/* ---- reload ---------------------------------------------------------------------------------- */

static void hang_up(void)
{
    kill(getpid(), SIGHUP);
    for (int i = 0; i < 5; i++) {
        nap(); /* the loop has looked by then, or looks at the next request */
    }
}

/* The folder has A and B and then only A, or the other way round; whether the fault was met. */
static bool reload(enum rw_fault_kind memory, enum io_fault io, long nth, bool with_b)
{
    write_key("b", with_b ? KEY_B : NULL);
    io_fault_arm(io, nth);
    rw_fault_arm(memory, nth);
    hang_up();
    bool met = rw_fault_met() || io_fault_met();
    disarm();
    ck_assert_msg(status_with(KEY_A) == 200, "a key that was good is out");
    hang_up(); /* nothing fails now */
    ck_assert_int_eq(status_with(KEY_A), 200);
    ck_assert_int_eq(status_with(KEY_B), with_b ? 200 : 401);
    return met;
}

static long each_reload(enum rw_fault_kind memory, enum io_fault io)
{
    long met = 0;
    bool more = true;
    for (; more; met += more) {
        bool again = reload(memory, io, met + 1, false);
        more = reload(memory, io, met + 1, true);
        more = again || more;
        ck_assert_int_lt(met, FAULTS_MAX);
    }
    return met;
}

START_TEST(keys_are_read_again)
{
    static const enum rw_fault_kind MEMORY[] = {RW_FAULT_ALLOC, RW_FAULT_OPEN, RW_FAULT_READ,
                                                RW_FAULT_READ_EINTR, RW_FAULT_READ_ONE};
    write_key("a", KEY_A);
    write_key("b", KEY_B);
    begin_life();
    long faults = 0;
    for (size_t i = 0; i < RW_COUNT(MEMORY); i++) {
        faults += each_reload(MEMORY[i], IO_NONE);
    }
    for (int io = IO_NONE + 1; io < IO_FAULTS; io++) {
        faults += each_reload(RW_FAULT_NONE, (enum io_fault)io);
    }
    kill(getpid(), SIGTERM);
    await_end();
    printf("reload     %ld failed once each\n", faults);
    ck_assert_int_gt(faults, 20);
    ck_assert_int_eq(rw_fault_live_allocations(), 0);
}
END_TEST

/* ---- drain ----------------------------------------------------------------------------------- */

static bool drain(enum rw_fault_kind memory, enum io_fault io, long nth)
{
    static const char PART[] =
        "POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        "0123456789abcdef0123456789abcdef\r\nContent-Length: 100\r\n\r\n{\"prompt\":";
    bool whole;
    begin_life();
    ck_assert_int_eq(status_with(KEY_A), 200);
    int silent = dial();
    int half = dial(); /* will not go on, and is cut by --drain-timeout */
    put(half, PART);
    int asking = dial();
    hang_up();
    io_fault_arm(io, nth);
    rw_fault_arm(memory, nth);
    put(asking, ask_with(KEY_A));
    kill(getpid(), SIGTERM);
    int asked = hear(asking, &whole);
    int cut = hear(half, &whole);
    int nothing = hear(silent, &whole);
    await_end();
    bool met = rw_fault_met() || io_fault_met();
    disarm();
    ck_assert_msg(asked == 200 || asked == 503 || (met && asked == 0), "asked: %d", asked);
    ck_assert_msg(cut == 503 || (met && cut == 0), "cut: %d", cut);
    ck_assert_int_eq(nothing, 0);
    ck_assert_int_eq(rw_fault_live_allocations(), 0);
    return met;
}

static long each_drain(enum rw_fault_kind memory, enum io_fault io)
{
    long met = 0;
    while (drain(memory, io, met + 1)) {
        met++;
        ck_assert_int_lt(met, FAULTS_MAX);
    }
    return met;
}

START_TEST(the_end)
{
    long faults = each_drain(RW_FAULT_ALLOC, IO_NONE);
    ck_assert_int_gt(faults, 10);
    for (int io = IO_NONE + 1; io < IO_FAULTS; io++) {
        faults += each_drain(RW_FAULT_NONE, (enum io_fault)io);
    }
    printf("drain      %ld failed once each\n", faults);
}
END_TEST

int main(void)
{
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(keys, sizeof keys, "%s/keys", folder);
    mkdir(keys, 0700);
    rw_log_configure(RW_LOG_OFF, false);
    rw_fault_install();
    freopen("/dev/null", "w", stderr); /* banners */
    Suite *suite = suite_create("life faults");
    TCase *tc = tcase_create("life faults");
    tcase_add_test(tc, keys_are_read_again);
    tcase_add_test(tc, the_end);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* the daemon is a thread of this process */
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    write_key("a", NULL);
    write_key("b", NULL);
    rmdir(keys);
    rmdir(folder);
    return failed == 0 ? 0 : 1;
}
