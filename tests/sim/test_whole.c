/* Random days of the whole server, each from a seed.
 *
 *      test-sim-whole [--seeds N] [--seed FIRST] [--say]
 *
 * Clients send requests of every kind in pieces, read slowly, end their side, vanish; jobs and
 * parsing move in any order and fail; allocations are refused; time passes; now and then the daemon
 * drains. Whatever happens: every request that reached a handler ends exactly once; a client that
 * stayed has one whole reply for each of its requests, in their order; every reward in any reply
 * is, bit for bit, what the model says offline; a stream names each step once and ends with one
 * last event; buffers stay bounded; a drain ends in its time; and nothing is left, neither a job
 * nor a byte. */
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/log.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "tests/lib/fake_model.h"
#include "tests/lib/fault.h"
#include "tests/sim/engine.h"
#include "tests/sim/replies.h"
#include "tests/sim/whole.h"

enum {
    SEEDS = 400, /* of the unit suite: seconds */
    CLIENTS_MAX = 8,
    ASKS_MAX = 6, /* requests of one client */
    TRACES_MAX = 3,
    STEPS_MAX = 4,
    OPS_MAX = 120,
    TEXT_MAX = 16 * 1024,
    SEEN_BYTES = 256 * 1024,
    OUT_BYTES_MAX = 512 * 1024, /* of a connection, to be written */
    ARENA_BYTES = 8 << 20,
    DRAIN_MS_MAX = 60000, /* delay, patience, and the last reply's linger */
};

enum kind {
    DOCUMENT, /* JSON */
    LINES,    /* NDJSON */
    EVENTS,   /* SSE */
    TRAINER,
    ANSWERS,
    PAGE,
    NOWHERE,
    NO_JSON,
    KINDS
};

struct ask {
    enum kind kind;
    uint32_t prompt;
    uint32_t traces;
    uint32_t steps[TRACES_MAX];
    uint32_t word[TRACES_MAX]; /* what its steps speak of */
    size_t end;                /* of the request, in the client's text */
};

struct client {
    struct sim_peer *peer;
    char text[TEXT_MAX];
    size_t len;
    size_t sent;
    struct ask ask[ASKS_MAX];
    size_t asks;
    bool left;  /* vanished */
    bool ended; /* its own side */
    bool slow;
};

static struct whole whole;
static struct client clients[CLIENTS_MAX];
static size_t n_clients;
static bool harm; /* a job or an allocation failed in this world */
static uint64_t state;
static unsigned long long seed_now;
static bool say;
static unsigned long long answers[KINDS]; /* whole replies, and rewards compared */
static unsigned long long compared;

static uint32_t below(uint32_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % n;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Not rw_buf: no fault is meant for it. */
struct text {
    char bytes[4096];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out->bytes + out->len, sizeof out->bytes - out->len, format, args);
    va_end(args);
    rw_assert(n >= 0 && (size_t)n < sizeof out->bytes - out->len);
    out->len += (size_t)n;
}

static void step_text(char out[64], const struct ask *a, uint32_t trace, uint32_t step)
{
    snprintf(out, 64, "step %u of trace %u about %u", step, trace, a->word[trace]);
}

static void write_traces(struct text *out, const struct ask *a)
{
    char text[64];
    for (uint32_t t = 0; t < a->traces; t++) {
        put(out, "%s{\"steps\":[", t > 0 ? "," : "");
        for (uint32_t s = 0; s < a->steps[t]; s++) {
            step_text(text, a, t, s);
            put(out, "%s\"%s\"", s > 0 ? "," : "", text);
        }
        put(out, "]}");
    }
}

static void write_body(struct text *out, const struct ask *a)
{
    switch (a->kind) {
    case DOCUMENT:
    case LINES:
    case EVENTS:
        put(out, "{\"prompt\":\"question %u\",\"traces\":[", a->prompt);
        write_traces(out, a);
        put(out, "]%s%s}", a->kind == DOCUMENT ? "" : ",\"stream\":true",
            a->word[0] % 3 == 0 ? ",\"flags\":\"free\"" : "");
        /* Over 2 kB it is parsed on a prepare thread. */
        for (int i = 0; a->word[0] % 2 == 0 && i < 21; i++) {
            put(out, "%100s", "");
        }
        break;
    case TRAINER:
        put(out, "{\"query\":[\"question %u step\"],\"prompts\":[\"question %u\"]}", a->prompt,
            a->prompt);
        break;
    case ANSWERS:
        put(out, "{\"items\":[{\"answer\":\"%u\",\"reference\":\"%u\"}]}", a->prompt, a->prompt);
        break;
    case NO_JSON:
        put(out, "{\"prompt\":");
        break;
    default:
        break;
    }
}

static void write_request(struct client *c, const struct ask *a)
{
    static const char *const PATH[KINDS] = {"/v1/rewards", "/v1/rewards", "/v1/rewards",
                                            "/get_reward", "/v1/verify",  "/v1/models",
                                            "/nowhere",    "/v1/rewards"};
    bool get = a->kind == PAGE || a->kind == NOWHERE;
    static struct text body;
    body.len = 0;
    write_body(&body, a);
    int n = snprintf(c->text + c->len, TEXT_MAX - c->len,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n"
                     "Content-Length: %zu\r\n\r\n%.*s",
                     get ? "GET" : "POST", PATH[a->kind],
                     a->kind == EVENTS ? "text/event-stream" : "*/*", body.len, (int)body.len,
                     body.bytes);
    rw_assert(n > 0 && (size_t)n < TEXT_MAX - c->len);
    c->len += (size_t)n;
}

static void think_up(struct client *c)
{
    if (c->asks == ASKS_MAX || c->len + 3000 > TEXT_MAX || c->left || c->ended) {
        return;
    }
    struct ask *a = &c->ask[c->asks++];
    *a = (struct ask){.kind = below(3) > 0 ? (enum kind)below(EVENTS + 1) : (enum kind)below(KINDS),
                      .prompt = below(50),
                      .traces = 1 + below(TRACES_MAX)};
    for (uint32_t t = 0; t < a->traces; t++) {
        a->steps[t] = 1 + below(STEPS_MAX);
        a->word[t] = below(1000);
    }
    write_request(c, a);
    a->end = c->len;
}

/* ---- what can happen ------------------------------------------------------------------------- */

static void connect_one(void)
{
    if (n_clients == CLIENTS_MAX || whole.service.phase == RW_SERVICE_ENDING) {
        return; /* the listener is closed then */
    }
    struct client *c = &clients[n_clients++];
    memset(c, 0, sizeof *c);
    c->peer = sim_connect(&whole.sim);
    c->peer->address = 1 + below(3);
    rw_fault_arm(RW_FAULT_NONE, 0); /* none is meant for what a client has read */
    rw_assert(rw_buf_reserve(&c->peer->seen, SEEN_BYTES) != NULL);
}

static bool gone(const struct client *c)
{
    return c->left || c->ended || c->peer->closing || c->peer->server_ended;
}

static void send_some(struct client *c, size_t n)
{
    n = RW_MIN(n, c->len - c->sent);
    if (n > 0 && !gone(c) && c->peer->reading) {
        c->sent += n;
        sim_send_part(c->peer, c->text + c->sent - n, n);
    }
}

static void vanish(struct client *c)
{
    if (!c->left && !c->peer->closing) {
        c->left = true;
        c->peer->left = true;
        c->peer->transport.events->lost(c->peer->transport.receiver);
    }
}

static void end_side(struct client *c)
{
    if (!gone(c) && c->peer->reading) {
        c->ended = true;
        sim_eof(c->peer);
    }
}

static void change_window(struct client *c)
{
    static const size_t BYTES[] = {0, 1, 100, 5000, SIZE_MAX};
    c->peer->window = BYTES[below(RW_COUNT(BYTES))];
    c->slow = c->slow || c->peer->window != SIZE_MAX;
}

static void compute(void)
{
    static const rw_status FAILURE[] = {RW_NOT_FINITE, RW_NO_MEMORY, RW_INTERNAL};
    struct rw_engine *e = whole_engine(&whole);
    if (sim_engine_live(e) > 0) {
        bool fails = below(40) == 0;
        harm = harm || fails;
        sim_engine_step(e, below((uint32_t)sim_engine_live(e)),
                        fails ? FAILURE[below(RW_COUNT(FAILURE))] : RW_OK);
    }
}

static void prepare(void)
{
    struct rw_prepare *p = whole.service.scoring.prepare;
    if (sim_prepare_waiting(p) > 0) {
        sim_prepare_step(p, below((uint32_t)sim_prepare_waiting(p)));
    }
}

static void happen(void)
{
    static const uint64_t PASS_MS[] = {100, 100, 500, 2000, 11000, 32000};
    struct client *c = n_clients > 0 ? &clients[below((uint32_t)n_clients)] : NULL;
    uint32_t what = below(100);
    if (what < 8 || c == NULL) {
        connect_one();
    } else if (what < 22) {
        think_up(c);
    } else if (what < 50) {
        send_some(c, below(4) == 0 ? 1 + below(200) : TEXT_MAX);
    } else if (what < 72) {
        compute();
    } else if (what < 84) {
        prepare();
    } else if (what < 88) {
        change_window(c);
    } else if (what < 89) {
        vanish(c);
    } else if (what < 90) {
        end_side(c);
    } else if (what < 92) {
        rw_fault_arm(RW_FAULT_ALLOC, 1 + below(12));
    } else if (what < 99) {
        whole_pass(&whole, PASS_MS[below(RW_COUNT(PASS_MS))]);
    } else if (below(3) == 0) {
        whole_drain(&whole);
    }
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check_bounds(void)
{
    struct rw_scoring *s = &whole.service.scoring;
    for (size_t i = 0; i < n_clients; i++) {
        const struct rw_connection *c = &clients[i].peer->connection;
        rw_assert(clients[i].peer->closed || c->out.len + c->flight.len <= OUT_BYTES_MAX);
        rw_assert(clients[i].peer->closed || c->ahead.len <= RW_AHEAD_BYTES_MAX);
    }
    rw_assert(whole.answered <= whole.asked + n_clients * ASKS_MAX);
    rw_assert(s->admission.tokens.held == 0 || s->calls > 0);
}

struct offline {
    struct rw_score step[STEPS_MAX];
    struct rw_score outcome;
};

static const struct rw_model *model_of(enum rw_model_kind kind)
{
    return rw_bridge_default(whole.service.scoring.bridge, kind);
}

/* The model by itself: no server, no engine. */
static void score_offline(const struct ask *a, uint32_t trace, struct rw_arena *arena,
                          struct offline *out)
{
    char text[STEPS_MAX][64];
    char prompt[64];
    struct rw_str steps[STEPS_MAX];
    struct rw_input input;
    struct rw_error err = {0};
    snprintf(prompt, sizeof prompt, "question %u", a->prompt);
    const struct rw_message message = {.role = RW_ROLE_USER, .content = rw_str_from(prompt)};
    for (uint32_t s = 0; s < a->steps[trace]; s++) {
        step_text(text[s], a, trace, s);
        steps[s] = rw_str_from(text[s]);
    }
    const struct rw_trace_source source = {.messages = &message,
                                           .n_messages = 1,
                                           .steps = steps,
                                           .n_steps = a->steps[trace],
                                           .steps_max = STEPS_MAX,
                                           .tokens_max = 100000};
    const struct rw_model *process = model_of(RW_KIND_PROCESS);
    const struct rw_model *outcome = model_of(RW_KIND_OUTCOME);
    rw_assert(rw_model_build_input(process, &source, arena, &input, &err) == RW_OK);
    for (uint32_t s = 0; s < a->steps[trace]; s++) {
        out->step[s] = rw_fake_model_score(process, &input, s);
    }
    rw_assert(rw_model_build_input(outcome, &source, arena, &input, &err) == RW_OK);
    out->outcome = rw_fake_model_score(outcome, &input, 0);
}

/* The nearest float32 of the decimal is the one that was written, or it is null and there was harm.
 */
static void check_number(const struct rw_json *value, float expected)
{
    rw_assert(value != NULL);
    if (value->type == RW_JSON_NULL) {
        rw_assert(harm);
        return;
    }
    rw_assert(value->type == RW_JSON_NUMBER);
    float got = strtof(value->text.ptr, NULL);
    rw_assert(memcmp(&got, &expected, sizeof got) == 0);
    compared++;
}

static void check_step(const struct rw_json *step, const struct offline *truth, uint64_t index)
{
    rw_assert(index < STEPS_MAX);
    check_number(rw_json_get(step, "reward"), truth->step[index].reward);
    check_number(rw_json_get(step, "raw"), truth->step[index].raw);
}

static void check_outcome(const struct rw_json *trace, const struct offline *truth)
{
    const struct rw_json *outcome = rw_json_get(trace, "outcome");
    if (rw_json_get(outcome, "reward") != NULL) {
        check_number(rw_json_get(outcome, "reward"), truth->outcome.reward);
    } else {
        rw_assert(harm);
    }
}

static uint64_t field(const struct rw_json *object, const char *name)
{
    uint64_t value = UINT64_MAX;
    rw_assert(rw_json_u64(rw_json_get(object, name), &value));
    return value;
}

static const struct rw_json *parse(struct rw_str text, struct rw_arena *arena)
{
    const struct rw_json *root = NULL;
    struct rw_error err = {0};
    rw_assert(rw_json_parse(arena, text, &root, &err) == RW_OK);
    return root;
}

static void check_document(const struct ask *a, struct rw_str body, struct rw_arena *arena)
{
    const struct rw_json *results = rw_json_get(parse(body, arena), "results");
    rw_assert(results != NULL && results->count == a->traces);
    uint32_t t = 0;
    RW_JSON_EACH (result, results) {
        struct offline truth;
        uint64_t s = 0;
        rw_assert(field(result, "trace") == t);
        score_offline(a, t++, arena, &truth);
        const struct rw_json *steps = rw_json_get(result, "steps");
        RW_JSON_EACH (step, steps) {
            check_step(step, &truth, s++);
        }
        rw_assert(s == a->steps[t - 1] || harm);
        check_outcome(result, &truth);
    }
}

struct stream {
    bool start;
    bool step[TRACES_MAX][STEPS_MAX];
    bool trace[TRACES_MAX];
    bool last; /* done or error */
};

static void check_event(const struct ask *a, const struct rw_json *event, struct stream *seen,
                        struct rw_arena *arena)
{
    const struct rw_json *name = rw_json_get(event, "event");
    rw_assert(!seen->last); /* it was the last */
    if (rw_json_is_string(name, "start")) {
        rw_assert(!seen->start);
        seen->start = true;
    } else if (rw_json_is_string(name, "done") || rw_json_is_string(name, "error")) {
        seen->last = true;
        rw_assert(rw_json_is_string(name, "done") || harm || whole.ended_ns != 0);
        for (uint32_t t = 0; rw_json_is_string(name, "done") && t < a->traces; t++) {
            rw_assert(seen->trace[t]);
        }
    } else {
        uint64_t t = field(event, "trace");
        struct offline truth;
        rw_assert(t < a->traces && !seen->trace[t]);
        score_offline(a, (uint32_t)t, arena, &truth);
        if (rw_json_is_string(name, "trace")) {
            seen->trace[t] = true;
            check_outcome(event, &truth);
            return;
        }
        uint64_t s = field(event, "index");
        rw_assert(s < a->steps[t] && !seen->step[t][s] && (s == 0 || seen->step[t][s - 1]));
        seen->step[t][s] = true;
        check_step(event, &truth, s);
    }
}

static void check_stream(const struct ask *a, const struct sim_reply *r, struct rw_arena *arena)
{
    struct stream seen = {0};
    for (size_t at = 0; at < r->body.len;) {
        size_t end = rw_str_find(r->body, RW_STR("\n"), at);
        struct rw_str line = rw_str_slice(r->body, at, end);
        at = end + 1;
        if (end == r->body.len) {
            rw_assert(!r->whole); /* cut inside a line */
        } else if (a->kind == LINES) {
            check_event(a, parse(line, arena), &seen, arena);
        } else if (rw_str_starts(line, RW_STR("data: "))) {
            check_event(a, parse(rw_str_slice(line, 6, line.len), arena), &seen, arena);
        }
    }
    rw_assert(seen.last || !r->whole);
}

/* `sent`: all of the request was. */
static void check_reply(const struct ask *a, bool sent, const struct sim_reply *r,
                        struct rw_arena *arena)
{
    bool scored = a->kind <= EVENTS;
    if (r->status == 0) {
        return; /* cut inside its head; whether it may be is check_client's affair */
    }
    answers[a->kind] += r->whole ? 1 : 0;
    if (r->status == 200 && (a->kind == LINES || a->kind == EVENTS)) {
        check_stream(a, r, arena);
    } else if (r->status == 200 && scored && r->whole) {
        check_document(a, r->body, arena);
    } else if (r->status != 200 && r->whole) {
        rw_assert(rw_json_get(parse(r->body, arena), "error") != NULL || a->kind == TRAINER);
    }
    bool late = r->status == 408; /* what came behind it was read and thrown away */
    bool refused = r->status == 429 || r->status == 503 || late || (!sent && r->status >= 400);
    rw_assert(r->status == 200 || refused || harm || !scored);
    rw_assert(a->kind != NOWHERE || r->status == 404 || refused || harm);
    rw_assert(a->kind != NO_JSON || r->status == 400 || refused || harm);
}

static size_t complete_asks(const struct client *c)
{
    size_t n = 0;
    while (n < c->asks && c->ask[n].end <= c->sent) {
        n++;
    }
    return n;
}

static void check_client(const struct client *c)
{
    struct rw_arena arena;
    struct rw_str rest = rw_buf_str(&c->peer->seen);
    struct sim_reply r;
    size_t n = 0;
    bool whole_ones = true;
    bool closes = false;
    rw_arena_init(&arena, ARENA_BYTES);
    while (sim_reply_next(&rest, &arena, &r)) {
        rw_assert(whole_ones && !closes); /* behind a cut or closing reply nothing comes */
        rw_assert(n < c->asks);
        check_reply(&c->ask[n], c->ask[n].end <= c->sent, &r, &arena);
        whole_ones = r.whole;
        closes = r.closes;
        n++;
    }
    rw_assert(whole_ones || c->left || c->slow || harm || whole.ended_ns != 0);
    if (!c->left && !c->slow && !harm && whole.ended_ns == 0 && !closes) {
        rw_assert(n == complete_asks(c) + (n > complete_asks(c) ? 1 : 0)); /* 408 of the last one */
    }
    rw_arena_fini(&arena);
}

/* ---- a day ----------------------------------------------------------------------------------- */

static void run_dry(void)
{
    struct rw_engine *e = whole_engine(&whole);
    struct rw_prepare *p = whole.service.scoring.prepare;
    while (sim_prepare_waiting(p) > 0 || sim_engine_live(e) > 0) {
        while (sim_prepare_waiting(p) > 0) {
            sim_prepare_step(p, 0);
            whole_settle(&whole);
        }
        while (sim_engine_live(e) > 0) {
            sim_engine_step(e, 0, RW_OK);
            whole_settle(&whole);
        }
    }
}

/* Everybody who is there gets what was asked, then goes. */
static void evening(void)
{
    for (size_t i = 0; i < n_clients; i++) {
        clients[i].peer->window = SIZE_MAX;
    }
    whole_settle(&whole);
    for (int round = 0; round < 2 * ASKS_MAX; round++) {
        for (size_t i = 0; i < n_clients; i++) {
            struct client *c = &clients[i];
            size_t n = complete_asks(c);
            if (c->sent < c->len && (n < c->asks)) {
                send_some(c, TEXT_MAX);
            }
        }
        run_dry();
        whole_pass(&whole, SIM_TICK_MS);
    }
    run_dry();
    if (whole.ended_ns != 0) {
        whole_pass(&whole, DRAIN_MS_MAX);
        run_dry();
        whole_settle(&whole);
        rw_assert(whole.sim.all.open == 0); /* the drain has ended in its time */
    }
}

static void check_end(long live_before)
{
    struct rw_scoring *s = &whole.service.scoring;
    for (size_t i = 0; i < n_clients; i++) {
        check_client(&clients[i]);
    }
    sim_fini(&whole.sim);
    run_dry();
    whole_settle(&whole);
    rw_assert(whole.sim.all.open == 0 && whole.sim.all.bodies.held == 0);
    rw_assert(s->calls == 0 && s->admission.tokens.held == 0 && s->admission.waiting == 0);
    rw_assert(sim_engine_unreleased(whole_engine(&whole)) == 0);
    rw_assert(whole.answered >= whole.asked); /* finished also ends those refused by their head */
    rw_assert(rw_fault_live_allocations() == live_before);
}

static void one_day(unsigned long long seed)
{
    long live = rw_fault_live_allocations();
    seed_now = seed;
    state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    n_clients = 0;
    harm = false;
    whole_begin(&whole, below(4) == 0 ? 60 : 1 << 20, below(8) == 0 ? 3000 : 1 << 24);
    uint32_t ops = 20 + below(OPS_MAX);
    for (uint32_t i = 0; i < ops; i++) {
        happen();
        whole_settle(&whole);
        check_bounds();
        harm = harm || rw_fault_met();
    }
    rw_fault_arm(RW_FAULT_NONE, 0);
    evening();
    check_end(live);
}

static void say_seed(int number)
{
    char text[96];
    int n = snprintf(text, sizeof text, "seed %llu: replay with --seed %llu --seeds 1\n", seed_now,
                     seed_now);
    (void)!write(STDERR_FILENO, text, (size_t)n);
    signal(number, SIG_DFL);
    raise(number);
}

int main(int argc, char **argv)
{
    const char *text = getenv("RW_SIM_SEEDS");
    unsigned long long seeds = text != NULL ? strtoull(text, NULL, 10) : SEEDS;
    unsigned long long first = 1;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--seeds") == 0 && more) {
            seeds = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && more) {
            first = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--say") == 0) {
            say = true;
        } else {
            fprintf(stderr, "usage: %s [--seeds N] [--seed FIRST] [--say]\n", argv[0]);
            return 2;
        }
    }
    signal(SIGABRT, say_seed);
    rw_fault_install();
    rw_log_configure(RW_LOG_OFF, false);
    whole_open(&whole);
    for (unsigned long long i = 0; i < seeds; i++) {
        one_day(first + i);
        if (say) {
            printf("seed %llu: %u requests\n", first + i, whole.asked);
        }
    }
    whole_close(&whole);
    rw_fault_uninstall();
    printf("%llu seeds; whole replies: %llu documents, %llu of lines, %llu of events, %llu others; "
           "%llu rewards compared\n",
           seeds, answers[DOCUMENT], answers[LINES], answers[EVENTS],
           answers[TRAINER] + answers[ANSWERS] + answers[PAGE] + answers[NOWHERE] +
               answers[NO_JSON],
           compared);
    return compared > 0 && answers[DOCUMENT] > 0 && answers[EVENTS] > 0 ? 0 : 1;
}
