#include "server/commands/bench_http.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "core/bench/synthetic.h"
#include "core/bench/text.h"
#include "proto/emit.h"
#include "server/lifecycle.h"
#include "server/options.h"

enum {
    SENTENCES = 1, /* of a step */
    ARENA_BYTES = 16 << 20,
    BODY_BYTES_MAX = 1 << 20,
    REPLY_BYTES_MAX = 4 << 20,
    READ_BYTES = 16384,
    BANNER_BYTES = 4096,
    WAIT_MS = 120 * 1000, /* for a reply, or for the model to load */
    TEXT_SEED = 7,
};

/* ---- text ----------------------------------------------------------------------------------- */

/* Sentences [first, first + n) with a blank between them. */
static void write_sentences(uint32_t first, uint32_t n, struct rw_buf *out)
{
    for (uint32_t i = 0; i < n; i++) {
        rw_buf_append(out, " ", i > 0);
        rw_bench_sentence(TEXT_SEED, first + i, out);
    }
}

static uint32_t tokens_of(const struct rw_model *model, uint32_t steps)
{
    struct rw_arena arena;
    struct rw_error err;
    struct rw_buf text;
    struct rw_input input;
    rw_arena_init(&arena, ARENA_BYTES);
    rw_buf_init(&text, BODY_BYTES_MAX);
    struct rw_str *list = rw_arena_alloc(&arena, (steps + 1) * sizeof *list);
    size_t *ends = rw_arena_alloc(&arena, (steps + 1) * sizeof *ends);
    uint32_t tokens = 0;
    for (uint32_t i = 0; list != NULL && ends != NULL && i <= steps; i++) {
        write_sentences(i * SENTENCES, SENTENCES, &text);
        ends[i] = text.len;
    }
    if (list != NULL && ends != NULL && !text.failed) {
        for (uint32_t i = 0; i <= steps; i++) {
            size_t begin = i > 0 ? ends[i - 1] : 0;
            list[i] = (struct rw_str){text.ptr + begin, ends[i] - begin};
        }
        struct rw_message prompt = {RW_ROLE_USER, list[0]};
        struct rw_trace_source source = {.messages = &prompt,
                                         .n_messages = 1,
                                         .steps = list + 1,
                                         .n_steps = steps,
                                         .steps_max = steps};
        if (rw_model_build_input(model, &source, &arena, &input, &err) == RW_OK) {
            tokens = input.n_tokens;
        }
    }
    rw_buf_fini(&text);
    rw_arena_fini(&arena);
    return tokens;
}

uint32_t rw_bench_http_steps(const struct rw_model *model, uint32_t tokens, uint32_t *tokens_made)
{
    uint32_t steps = 0;
    uint32_t wanted = RW_MIN(tokens, RW_BENCH_HTTP_TOKENS_MAX);
    *tokens_made = 0;
    for (;;) {
        uint32_t made = tokens_of(model, steps + 1);
        if (made == 0 || made > wanted) {
            return steps;
        }
        *tokens_made = made;
        steps++;
    }
}

static void write_request(uint32_t index, uint32_t steps, struct rw_buf *out)
{
    struct rw_buf body, text;
    rw_buf_init(&body, BODY_BYTES_MAX);
    rw_buf_init(&text, BODY_BYTES_MAX);
    uint32_t sentence = (index + 1) * (steps + 1) * SENTENCES;
    rw_emit_open(&body, '{');
    for (uint32_t i = 0; i <= steps; i++, sentence += SENTENCES) {
        rw_buf_clear(&text);
        write_sentences(sentence, SENTENCES, &text);
        if (i == 0) {
            rw_emit_name(&body, "prompt");
        } else if (i == 1) {
            rw_emit_name(&body, "trace");
            rw_emit_open(&body, '{');
            rw_emit_name(&body, "steps");
            rw_emit_open(&body, '[');
        }
        rw_emit_text(&body, rw_buf_str(&text));
    }
    rw_emit_close(&body, ']');
    rw_emit_close(&body, '}');
    rw_emit_close(&body, '}');
    rw_buf_clear(out);
    rw_buf_printf(
        out,
        "POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n",
        body.len);
    rw_buf_append_str(out, rw_buf_str(&body));
    out->failed |= body.failed || text.failed;
    rw_buf_fini(&body);
    rw_buf_fini(&text);
}

/* ---- the daemon ----------------------------------------------------------------------------- */

struct child {
    pid_t pid;
    int out; /* what it prints */
    uint16_t port;
};

/* In the child: never returns. */
static void serve(const struct rw_bench_options *o)
{
    char model[4096], threads[16], kv[24];
    const char *words[] = {"rewardd",   "--model",  model,         "--listen", "127.0.0.1:0",
                           "--threads", threads,    "--kv-memory", kv,         "--log-level",
                           "error",     "--kernel", o->kernel};
    char *const environment[] = {NULL};
    struct rw_options options;
    struct rw_error err = {0};
    const char *dir = o->model != NULL ? o->model : RW_SYNTHETIC_DIR;
    snprintf(model, sizeof model, "%s=bench,dtype=%s", dir, o->dtype);
    snprintf(threads, sizeof threads, "%u", (unsigned)o->threads);
    snprintf(kv, sizeof kv, "%lluM", (unsigned long long)o->kv_memory);
    int argc = RW_COUNT(words) - (o->kernel != NULL ? 0 : 2);
    rw_log_configure(RW_LOG_ERROR, false);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (rw_options_parse(&options, argc, (char *const *)words, environment, &err) != RW_OK) {
        fprintf(stderr, "rewardd bench: %s\n", err.message);
        _exit(1);
    }
    _exit(rw_lifecycle_run(&options));
}

/* Reads the banner up to "ready in"; the address stands before it. */
static rw_status await_ready(struct child *c, struct rw_error *err)
{
    char banner[BANNER_BYTES];
    size_t have = 0;
    struct pollfd fd = {.fd = c->out, .events = POLLIN};
    while (have < sizeof banner - 1 && poll(&fd, 1, WAIT_MS) > 0) {
        ssize_t n = read(c->out, banner + have, sizeof banner - 1 - have);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
        banner[have] = '\0';
        const char *url = strstr(banner, "http://127.0.0.1:");
        if (url != NULL && strstr(banner, "ready in") != NULL) {
            c->port = (uint16_t)strtoul(url + strlen("http://127.0.0.1:"), NULL, 10);
            return RW_OK;
        }
    }
    return rw_fail(err, RW_IO, "the daemon of the HTTP measurement did not become ready");
}

static void stop(struct child *c)
{
    if (c->pid > 0) {
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
    }
    if (c->out >= 0) {
        close(c->out);
    }
}

static rw_status start(const struct rw_bench_options *o, struct child *c, struct rw_error *err)
{
    int ends[2];
    *c = (struct child){.out = -1};
    if (pipe(ends) != 0) {
        return rw_fail(err, RW_IO, "no pipe: %s", strerror(errno));
    }
    fflush(stdout);
    c->pid = fork();
    if (c->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        serve(o);
    }
    close(ends[1]);
    c->out = ends[0];
    return c->pid > 0 ? await_ready(c, err)
                      : rw_fail(err, RW_IO, "no process: %s", strerror(errno));
}

/* Nanoseconds on a processor: the first number of /proc/PID/task/TID/schedstat. */
static double thread_cpu_s(pid_t pid, const char *tid)
{
    char path[64 + 256];
    unsigned long long ns = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, tid);
    FILE *f = fopen(path, "re");
    if (f != NULL) {
        ns = fscanf(f, "%llu", &ns) == 1 ? ns : 0;
        fclose(f);
    }
    return 1e-9 * (double)ns;
}

static void read_cpu(pid_t pid, double *loop_s, double *total_s)
{
    char path[32], main_tid[16];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    snprintf(main_tid, sizeof main_tid, "%d", (int)pid);
    *loop_s = thread_cpu_s(pid, main_tid);
    *total_s = 0;
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            *total_s += thread_cpu_s(pid, entry->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

/* ---- the client ----------------------------------------------------------------------------- */

struct client {
    int fd;
    bool waiting;
    uint64_t sent_ns;
    struct rw_buf request;
    struct rw_buf reply;
};

struct load {
    struct client client[RW_BENCH_CONNECTIONS];
    uint32_t steps;
    uint32_t next; /* index of the next request */
    uint32_t left; /* replies to come */
    uint32_t total;
    struct rw_bench_http *out; /* NULL: do not count */
    struct rw_error *err;
};

static rw_status open_clients(struct load *load, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < RW_BENCH_CONNECTIONS; i++) {
        struct client *c = &load->client[i];
        int on = 1;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0) {
            return rw_fail(load->err, RW_IO, "cannot connect: %s", strerror(errno));
        }
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return RW_OK;
}

static rw_status send_next(struct load *load, struct client *c)
{
    write_request(load->next++, load->steps, &c->request);
    rw_buf_clear(&c->reply);
    c->waiting = true;
    c->sent_ns = rw_clock_now(&RW_CLOCK_SYSTEM);
    size_t sent = 0;
    while (sent < c->request.len && !c->request.failed) {
        ssize_t n = send(c->fd, c->request.ptr + sent, c->request.len - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            return rw_fail(load->err, RW_IO, "cannot send: %s", strerror(errno));
        }
        sent += (size_t)n;
    }
    return c->request.failed ? rw_fail(load->err, RW_NO_MEMORY, "text of a request") : RW_OK;
}

/* Bytes of head and body together, 0 when the head is not complete. */
static size_t reply_bytes(const struct rw_buf *reply)
{
    const char *end = strstr(reply->ptr, "\r\n\r\n");
    const char *length = strcasestr(reply->ptr, "\ncontent-length:");
    if (end == NULL || length == NULL || length > end) {
        return 0;
    }
    return (size_t)(end + 4 - reply->ptr) + strtoul(length + strlen("\ncontent-length:"), NULL, 10);
}

static rw_status take_reply(struct load *load, struct client *c)
{
    static const char CPU[] = "\"cpu_ms\":";
    const char *cpu = strstr(c->reply.ptr, CPU);
    if (strncmp(c->reply.ptr, "HTTP/1.1 200 ", 13) != 0 || cpu == NULL) {
        return rw_fail(load->err, RW_IO, "the daemon answered \"%.120s\"", c->reply.ptr);
    }
    c->waiting = false;
    load->left--;
    if (load->out != NULL) {
        load->out->reported_cpu_s += 1e-3 * strtod(cpu + strlen(CPU), NULL);
        load->out->body_bytes = (uint32_t)c->request.len;
        rw_samples_add(&load->out->latency_s,
                       1e-9 * (double)(rw_clock_now(&RW_CLOCK_SYSTEM) - c->sent_ns));
    }
    return load->next < load->total ? send_next(load, c) : RW_OK;
}

static rw_status receive(struct load *load, struct client *c)
{
    char *room = rw_buf_reserve(&c->reply, READ_BYTES);
    ssize_t n = room != NULL ? recv(c->fd, room, READ_BYTES - 1, 0) : -1;
    if (n <= 0) {
        return rw_fail(load->err, RW_IO, "the daemon closed a connection");
    }
    c->reply.len += (size_t)n;
    c->reply.ptr[c->reply.len] = '\0';
    size_t whole = reply_bytes(&c->reply);
    return whole > 0 && c->reply.len >= whole ? take_reply(load, c) : RW_OK;
}

/* `requests` replies on all connections, each connection with one request at a time. */
static rw_status run_load(struct load *load, uint32_t requests)
{
    rw_status status = RW_OK;
    load->total = load->next + requests;
    load->left = requests;
    for (int i = 0; i < RW_BENCH_CONNECTIONS && status == RW_OK; i++) {
        status = load->next < load->total ? send_next(load, &load->client[i]) : RW_OK;
    }
    while (status == RW_OK && load->left > 0) {
        struct pollfd fds[RW_BENCH_CONNECTIONS];
        for (int i = 0; i < RW_BENCH_CONNECTIONS; i++) {
            fds[i] = (struct pollfd){.fd = load->client[i].fd, .events = POLLIN};
        }
        if (poll(fds, RW_BENCH_CONNECTIONS, WAIT_MS) <= 0) {
            status = rw_fail(load->err, RW_IO, "no reply in time");
        }
        for (int i = 0; i < RW_BENCH_CONNECTIONS && status == RW_OK; i++) {
            status = fds[i].revents != 0 ? receive(load, &load->client[i]) : RW_OK;
        }
    }
    return status;
}

static rw_status measure(struct load *load, const struct child *child, uint32_t requests,
                         struct rw_bench_http *out)
{
    double loop_before, total_before;
    rw_status status = run_load(load, RW_BENCH_CONNECTIONS); /* the first touch of memory */
    if (status != RW_OK) {
        return status;
    }
    load->out = out;
    read_cpu(child->pid, &loop_before, &total_before);
    uint64_t begin = rw_clock_now(&RW_CLOCK_SYSTEM);
    status = run_load(load, requests);
    out->seconds = 1e-9 * (double)(rw_clock_now(&RW_CLOCK_SYSTEM) - begin);
    read_cpu(child->pid, &out->loop_cpu_s, &out->total_cpu_s);
    out->loop_cpu_s -= loop_before;
    out->total_cpu_s -= total_before;
    out->requests = requests;
    return status;
}

rw_status rw_bench_http_run(const struct rw_bench_options *options, uint32_t steps,
                            uint32_t requests, struct rw_bench_http *out, struct rw_error *err)
{
    struct child child;
    struct load load = {.steps = steps, .err = err};
    for (int i = 0; i < RW_BENCH_CONNECTIONS; i++) {
        load.client[i].fd = -1;
        rw_buf_init(&load.client[i].request, BODY_BYTES_MAX);
        rw_buf_init(&load.client[i].reply, REPLY_BYTES_MAX);
    }
    rw_status status = start(options, &child, err);
    if (status == RW_OK) {
        status = open_clients(&load, child.port);
    }
    if (status == RW_OK) {
        status = measure(&load, &child, requests, out);
    }
    for (int i = 0; i < RW_BENCH_CONNECTIONS; i++) {
        if (load.client[i].fd >= 0) {
            close(load.client[i].fd);
        }
        rw_buf_fini(&load.client[i].request);
        rw_buf_fini(&load.client[i].reply);
    }
    stop(&child);
    return status;
}
