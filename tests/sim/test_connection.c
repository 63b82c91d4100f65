/* Connections under a virtual clock: hours of slow, silent and vanishing clients in milliseconds.
 */
#include <check.h>
#include <stdlib.h>

#include "core/base/util.h"
#include "tests/lib/suite.h"
#include "tests/sim/peer.h"

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST(size) "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " size "\r\n\r\n"

static struct sim sim;

static void setup(void)
{
    sim_init(&sim);
}

static void teardown(void)
{
    sim_fini(&sim);
}

/* One byte a second keeps nothing alive: a head has ten seconds in all. */
START_TEST(slow_header)
{
    struct sim_peer *p = sim_connect(&sim);
    const char *text = GET("/echo");
    char one[2] = {0};
    for (int second = 0; second < 9; second++) {
        one[0] = text[second];
        sim_send(p, one);
        sim_run(&sim, 1000);
        ck_assert_uint_eq(p->seen.len, 0);
    }
    sim_run(&sim, 1200);
    ck_assert(sim_saw(p, "HTTP/1.1 408 ") && sim_saw(p, "--header-timeout"));
    ck_assert(p->server_ended && !p->closed); /* it may still be sending: the answer must arrive */
    sim_send(p, "more of it");
    sim_run(&sim, 5200);
    ck_assert(p->closed);
    ck_assert_uint_eq(sim.all.timeouts[RW_DEADLINE_HEADER], 1);
    ck_assert_uint_eq(sim.requests, 0);
}
END_TEST

START_TEST(slow_body)
{
    struct sim_peer *slow = sim_connect(&sim);
    struct sim_peer *steady = sim_connect(&sim);
    sim_send(slow, POST("600000"));
    sim_send(steady, POST("600000"));
    for (int i = 0; i < 9; i++) { /* 66,000 bytes in 30 s go on, 6,000 do not */
        sim_send_bytes(slow, 6000);
        sim_send_bytes(steady, 66000);
        sim_run(&sim, 29000);
    }
    sim_send_bytes(steady, 600000 - 9 * 66000);
    ck_assert(sim_saw(slow, "HTTP/1.1 408 ") && sim_saw(slow, "--body-timeout") && slow->closed);
    ck_assert(sim_saw(steady, "HTTP/1.1 200 ") && !steady->closed);
    ck_assert_uint_eq(sim.requests, 1);
    ck_assert_uint_eq(sim.all.bodies.held, 0);
}
END_TEST

START_TEST(idle_connections)
{
    struct sim_peer *silent = sim_connect(&sim);
    struct sim_peer *busy = sim_connect(&sim);
    for (int i = 0; i < 4; i++) {
        sim_send(busy, GET("/echo"));
        sim_run(&sim, 70000);
        ck_assert_int_eq(silent->closed, i > 0);
        ck_assert(!busy->closed);
    }
    sim_run(&sim, 5200);
    ck_assert(busy->closed);
    ck_assert_uint_eq(silent->seen.len, 0); /* nothing was asked, nothing is said */
    ck_assert_uint_eq(sim.finished, 4);
    ck_assert_uint_eq(sim.lost, 0);
}
END_TEST

/* A reader that takes nothing for 30 s is cut off; one byte in that time is enough. */
START_TEST(slow_reader)
{
    struct sim_peer *stuck = sim_connect(&sim);
    struct sim_peer *trickle = sim_connect(&sim);
    stuck->window = 1000;
    trickle->window = 1000;
    sim_send(stuck, GET("/large"));
    sim_send(trickle, GET("/large"));
    for (int i = 0; i < 10; i++) {
        sim_run(&sim, 25000);
        trickle->window += 1;
    }
    ck_assert(stuck->closed && !trickle->closed);
    ck_assert_uint_eq(sim.all.timeouts[RW_DEADLINE_WRITE], 1);
    ck_assert_uint_eq(sim.lost, 1);
    trickle->window = SIZE_MAX;
    sim_run(&sim, 200);
    ck_assert_uint_eq(sim.finished, 2);
    ck_assert_uint_gt(trickle->seen.len, 300 * 1024);
}
END_TEST

/* A stream is pulled only while little waits, whatever the source could give. */
START_TEST(stream_is_pulled_as_the_reader_reads)
{
    struct sim_peer *p = sim_connect(&sim);
    p->window = 0;
    sim.pieces_left = 5000; /* 5 MB */
    sim.stream_ends = true;
    sim_send(p, GET("/stream"));
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_le(p->connection.out.len + p->connection.flight.len,
                          2 * RW_OUT_SOFT_BYTES + 4096);
        p->window = 50000;
        sim_run(&sim, 1000);
    }
    p->window = SIZE_MAX;
    sim_run(&sim, 1000);
    ck_assert_uint_eq(sim.pieces_left, 0);
    ck_assert_uint_eq(sim.finished, 1);
    ck_assert_uint_ge(p->seen.len, 5000 * 1000);
}
END_TEST

START_TEST(heartbeat_of_a_silent_stream)
{
    struct sim_peer *p = sim_connect(&sim);
    sim.pieces_left = 1;
    sim_send(p, GET("/stream"));
    size_t before = p->seen.len;
    sim_run(&sim, 14000);
    ck_assert_uint_eq(p->seen.len, before);
    sim_run(&sim, 1200);
    ck_assert(sim_saw(p, "\r\n:heartbeat\n\r\n"));
    before = p->seen.len;
    sim_run(&sim, 150000); /* ten more */
    ck_assert_uint_eq(p->seen.len - before, 10 * sizeof "b\r\n:heartbeat\n\r\n" - 10);
    ck_assert(!p->closed);
}
END_TEST

/* FIN may mean "I wait" or "I am gone". Only a reset tells, and it is looked for. */
START_TEST(half_closed)
{
    struct sim_peer *waits = sim_connect(&sim);
    sim_send(waits, GET("/work"));
    sim_eof(waits);
    ck_assert(sim_saw(waits, "HTTP/1.1 100 Continue\r\n\r\n"));
    sim_run(&sim, 60000);
    ck_assert(!waits->closed);
    sim_reply(&sim);
    ck_assert(sim_saw(waits, "HTTP/1.1 200 "));
    sim_run(&sim, 200);
    ck_assert(waits->closed);
    ck_assert_uint_eq(sim.gone, 0);

    struct sim_peer *gone = sim_connect(&sim);
    sim_send(gone, GET("/work"));
    sim_eof(gone);
    gone->lost = true;
    sim_run(&sim, 400);
    ck_assert(gone->closed);
    ck_assert_uint_eq(sim.gone, 1);
    ck_assert_uint_eq(sim.all.timeouts[RW_DEADLINE_PROBE], 1);
}
END_TEST

/* No event is due: without bytes of ours nothing would tell that the client is gone. */
START_TEST(client_that_left_a_silent_stream)
{
    struct sim_peer *gone = sim_connect(&sim);
    sim.pieces_left = 1;
    sim_send(gone, GET("/stream"));
    gone->left = true;
    sim_eof(gone);
    sim_run(&sim, 400);
    ck_assert(gone->closed);
    ck_assert_uint_eq(sim.gone, 1);

    struct sim_peer *waits = sim_connect(&sim);
    sim.pieces_left = 1;
    sim_send(waits, GET("/stream"));
    sim_eof(waits);
    size_t before = waits->seen.len;
    sim_run(&sim, 60000);
    ck_assert(!waits->closed);
    ck_assert_uint_ge(waits->seen.len - before, 3 * (sizeof "b\r\n:heartbeat\n\r\n" - 1));
    waits->left = true;
    sim_run(&sim, 16000);
    ck_assert(waits->closed);
}
END_TEST

/* It ended its side, waited, and left later: the question is asked again. */
START_TEST(half_closed_client_that_leaves_later)
{
    struct sim_peer *p = sim_connect(&sim);
    sim_send(p, GET("/work"));
    sim_eof(p);
    sim_run(&sim, 1000);
    p->left = true;
    sim_run(&sim, 16000);
    ck_assert(p->closed);
    ck_assert_uint_eq(sim.gone, 1);
}
END_TEST

START_TEST(drain)
{
    struct sim_peer *idle = sim_connect(&sim);
    struct sim_peer *working = sim_connect(&sim);
    struct sim_peer *sending = sim_connect(&sim);
    sim_send(idle, GET("/echo"));
    sim_send(working, GET("/work") GET("/echo")); /* and a request behind it */
    sim_send(sending, POST("10"));
    sim.all.draining = true;
    rw_connections_close_idle(&sim.all);
    sim_run(&sim, 200);
    ck_assert(idle->closed && !working->closed && !sending->closed);
    sim_reply(&sim);
    ck_assert(sim_saw(working, "Connection: close\r\n") && sim_saw(working, "done\n"));
    ck_assert(!sim_saw(working, "hello")); /* what waited behind is not begun */
    sim_send_bytes(sending, 10);
    ck_assert(sim_saw(sending, "HTTP/1.1 200 ") && sim_saw(sending, "Connection: close\r\n"));
    sim_run(&sim, 5200);
    ck_assert_uint_eq(sim.all.open, 0);
    ck_assert_uint_eq(sim.lost, 0);
}
END_TEST

/* What a script may do next, drawn at random. */
static void act(struct sim_peer *p)
{
    static const char *const WORDS[] = {
        GET("/echo"),
        GET("/work"),
        GET("/stream"),
        GET("/large"),
        GET("/no"),
        POST("5000"),
        "GET /echo HT",
        "\r\n\r\n",
        "nonsense\r\n",
        POST("3") "abc",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
    };
    switch (rand() % 8) {
    case 0:
        sim_eof(p);
        break;
    case 1:
        p->window = (size_t)(rand() % 3000);
        break;
    case 2:
        p->window = SIZE_MAX;
        break;
    case 3:
        p->lost = true;
        break;
    case 4:
        sim_send_bytes(p, (size_t)(rand() % 6000 + 1));
        break;
    default:
        sim_send(p, WORDS[(size_t)rand() % (RW_COUNT(WORDS))]);
    }
}

/* Whatever clients do: every request that began ends once, and silence ends every connection. */
START_TEST(any_script_comes_to_an_end)
{
    srand((unsigned)_i);
    for (int i = 0; i < 12; i++) {
        sim_connect(&sim);
    }
    sim.pieces_left = 200;
    for (int turn = 0; turn < 400; turn++) {
        act(&sim.peer[rand() % 12]);
        if (rand() % 3 == 0) {
            sim_run(&sim, (uint64_t)(rand() % 40) * SIM_TICK_MS);
        }
        if (rand() % 5 == 0 && sim.working != NULL && !sim.working->streaming) {
            sim_reply(&sim);
        }
    }
    for (size_t i = 0; i < sim.n_peers; i++) {
        sim.peer[i].window = SIZE_MAX;
        sim_eof(&sim.peer[i]);
        sim.peer[i].lost = true;
    }
    sim_run(&sim, 120000);
    ck_assert_uint_eq(sim.all.open, 0);
    ck_assert_uint_eq(sim.all.bodies.held, 0);
    ck_assert_uint_ge(sim.finished, sim.requests);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connection");
    TCase *tc = tcase_create("connection");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, slow_header);
    tcase_add_test(tc, slow_body);
    tcase_add_test(tc, idle_connections);
    tcase_add_test(tc, slow_reader);
    tcase_add_test(tc, stream_is_pulled_as_the_reader_reads);
    tcase_add_test(tc, heartbeat_of_a_silent_stream);
    tcase_add_test(tc, half_closed);
    tcase_add_test(tc, client_that_left_a_silent_stream);
    tcase_add_test(tc, half_closed_client_that_leaves_later);
    tcase_add_test(tc, drain);
    tcase_add_loop_test(tc, any_script_comes_to_an_end, 0, 200);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
