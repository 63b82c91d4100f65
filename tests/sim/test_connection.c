/* Connections under a virtual clock: hours of slow, silent and vanishing clients in milliseconds.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "tests/lib/fault.h"
#include "tests/lib/suite.h"
#include "tests/sim/peer.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST_TO(path, size) \
    "POST " path " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " size "\r\n\r\n"
#define POST(size) "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: " size "\r\n\r\n"

static struct sim sim;

static void setup(void)
{
    sim_init(&sim, NULL);
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

/* As the transport would, and nothing of what the server put off is done yet. */
static void arrive(struct sim_peer *p, const char *text)
{
    rw_connection_on_read(&p->connection, text, strlen(text));
}

static void arrive_zeros(struct sim_peer *p, size_t n)
{
    static const char ZEROS[1 << 20] = {0};
    rw_connection_on_read(&p->connection, ZEROS, n);
}

/* A reader that takes everything at once does not get the loop for itself. */
START_TEST(a_large_stream_lets_others_in)
{
    struct sim_peer *large = sim_connect(&sim);
    struct sim_peer *small = sim_connect(&sim);
    sim.pieces_left = 5000; /* 5 MB */
    sim.stream_ends = true;
    arrive(large, GET("/stream"));
    ck_assert_uint_lt(large->seen.len, RW_PUMP_BYTES + RW_OUT_SOFT_BYTES + 4096);
    ck_assert(rw_turns_any(&sim.turns));
    arrive(small, GET("/"));
    ck_assert(sim_saw(small, "hello\n"));
    ck_assert_uint_gt(sim.pieces_left, 4000);
    size_t rounds = 0;
    while (rw_turns_run(&sim.turns)) {
        rounds++;
    }
    ck_assert_uint_ge(rounds, 15);
    ck_assert_uint_eq(sim.pieces_left, 0);
    ck_assert_uint_eq(sim.finished, 2);
}
END_TEST

/* Bodies together get a ration per round; beyond it they wait for their turn. */
START_TEST(large_bodies_are_read_in_turn)
{
    struct sim_peer *first = sim_connect(&sim);
    struct sim_peer *second = sim_connect(&sim);
    struct sim_peer *small = sim_connect(&sim);
    arrive(first, POST("1000000"));
    arrive(second, POST("1000000"));
    arrive_zeros(first, 700000);
    ck_assert(first->reading);
    arrive_zeros(second, 400000);
    ck_assert(!second->reading);
    arrive(small, GET("/"));
    ck_assert(sim_saw(small, "hello\n"));
    ck_assert(!rw_turns_run(&sim.turns)); /* a new round, a new ration */
    ck_assert(second->reading);
    arrive_zeros(first, 300000);
    arrive_zeros(second, 600000);
    ck_assert(sim_saw(first, "hello\n"));
    ck_assert(sim_saw(second, "hello\n"));
}
END_TEST

/* What has come is charged, to whom it came from; the declared length is nobody's. */
START_TEST(a_share_of_the_room_for_bodies)
{
    struct sim_peer *greedy = sim_connect(&sim);
    struct sim_peer *other = sim_connect(&sim);
    rw_shares_init(&sim.all.bodies, 100000);
    sim_send(greedy, POST_TO("/greedy", "95000"));
    ck_assert_uint_eq(sim.all.bodies.held, 0);
    sim_send_bytes(greedy, 78000);
    ck_assert_uint_eq(sim.all.bodies.held, 78000);
    sim_send(other, POST_TO("/other", "15000"));
    sim_send_bytes(other, 15000);
    ck_assert(sim_saw(other, "hello\n"));
    sim_send_bytes(greedy, 5000); /* four times what is left is less */
    ck_assert(sim_saw(greedy, "HTTP/1.1 429 "));
    sim_send(other, POST_TO("/other", "100001"));
    ck_assert(sim_saw(other, "HTTP/1.1 413 ")); /* more than all there is */
    sim_run(&sim, 10000);
    ck_assert_uint_eq(sim.all.bodies.held, 0);
}
END_TEST

START_TEST(patient_requests_wait_for_room)
{
    struct sim_peer *holder = sim_connect(&sim);
    struct sim_peer *waits = sim_connect(&sim);
    struct sim_peer *given_up = sim_connect(&sim);
    rw_shares_init(&sim.all.bodies, 100000);
    sim_send(holder, POST_TO("/work", "78000"));
    sim_send_bytes(holder, 78000);
    sim_send(waits, POST_TO("/patient", "60000"));
    sim_send_bytes(waits, 24000); /* a transport that stops reading keeps the rest */
    ck_assert(!waits->reading);
    ck_assert(waits->connection.starved);
    sim_send(given_up, POST_TO("/patient", "60000"));
    sim_send_bytes(given_up, 24000);
    sim_reply(&sim); /* and its room is free */
    ck_assert(sim_saw(holder, "done\n"));
    sim_run(&sim, SIM_TICK_MS);
    ck_assert(waits->reading);
    sim_send_bytes(waits, 60000 - 24000 + 4096);
    ck_assert(sim_saw(waits, "hello\n"));
    sim_run(&sim, 31000);
    ck_assert(sim_saw(given_up, "HTTP/1.1 "));
    ck_assert(!sim_saw(given_up, " 429 "));
    ck_assert_uint_eq(sim.all.starving, 0);
}
END_TEST

/* From outside: each hears why, in the form that is left to it. */
START_TEST(exchanges_that_are_aborted)
{
    struct sim_peer *waiting = sim_connect(&sim);
    struct sim_peer *streaming = sim_connect(&sim);
    struct sim_peer *idle = sim_connect(&sim);
    struct rw_error err = {0};
    rw_fail(&err, RW_DRAINING, "over");
    sim_send(waiting, GET("/work"));
    sim.pieces_left = 1;
    sim_send(streaming, GET("/stream"));
    rw_connections_abort_all(&sim.all, &err);
    sim_run(&sim, SIM_TICK_MS);
    ck_assert(sim_saw(waiting, "HTTP/1.1 503 "));
    ck_assert(sim_saw(waiting, "Connection: close\r\n"));
    ck_assert(sim_saw(streaming, "HTTP/1.1 200 "));
    ck_assert(sim_saw(streaming, "\r\n:lost, draining\n\r\n0\r\n\r\n"));
    ck_assert_uint_eq(sim.gone, 2);
    ck_assert_uint_eq(idle->seen.len, 0);
    ck_assert(waiting->closed);
    ck_assert(streaming->closed);
    ck_assert(idle->closed);
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

/* A connection that says nothing has nothing of a request; the first byte of one may find no
 * memory, and is told so in words that need none. */
START_TEST(no_memory_for_a_request)
{
    rw_fault_install();
    struct sim_peer *p = sim_connect(&sim);
    sim_send(p, GET("/echo"));
    sim_settle(&sim);
    ck_assert(sim_saw(p, "HTTP/1.1 200 ") && p->connection.talk == NULL);
    rw_buf_fini(&p->seen);
    rw_fault_arm(RW_FAULT_ALLOC, 1);
    sim_send_part(p, "G", 1);
    rw_fault_arm(RW_FAULT_NONE, 0);
    sim_settle(&sim);
    ck_assert(sim_saw(p, "HTTP/1.1 503 ") && sim_saw(p, "out_of_memory") && p->server_ended);
    const char *body = strstr(p->seen.ptr, "\r\n\r\n") + 4;
    size_t length = strtoul(strstr(p->seen.ptr, "Content-Length: ") + 16, NULL, 10);
    ck_assert_uint_eq(length, p->seen.len - (size_t)(body - p->seen.ptr));
    sim_send(p, "ET /echo"); /* is not listened to */
    ck_assert(p->connection.state == RW_CONNECTION_LINGER && !p->closed);
    sim_run(&sim, 5200);
    ck_assert(p->closed);
    ck_assert_uint_eq(sim.requests, 1);
    rw_fault_uninstall();
}
END_TEST

/* Its peer is lost and the drain is over in the same round of the loop. */
START_TEST(aborted_behind_its_close)
{
    struct rw_error error = {0};
    struct sim_peer *p = sim_connect(&sim);
    sim_send(p, GET("/work"));
    sim_settle(&sim);
    ck_assert_ptr_nonnull(sim.working);
    rw_connection_close(&p->connection);
    rw_fail(&error, RW_DRAINING, "the end");
    rw_connections_abort_all(&sim.all, &error);
    sim_settle(&sim);
    ck_assert(p->closed && p->seen.len == 0);
    ck_assert_uint_eq(sim.gone, 1);
    ck_assert_uint_eq(sim.finished, 1);
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
    tcase_add_test(tc, a_large_stream_lets_others_in);
    tcase_add_test(tc, large_bodies_are_read_in_turn);
    tcase_add_test(tc, a_share_of_the_room_for_bodies);
    tcase_add_test(tc, patient_requests_wait_for_room);
    tcase_add_test(tc, exchanges_that_are_aborted);
    tcase_add_test(tc, heartbeat_of_a_silent_stream);
    tcase_add_test(tc, half_closed);
    tcase_add_test(tc, client_that_left_a_silent_stream);
    tcase_add_test(tc, half_closed_client_that_leaves_later);
    tcase_add_test(tc, drain);
    tcase_add_test(tc, no_memory_for_a_request);
    tcase_add_test(tc, aborted_behind_its_close);
    tcase_add_loop_test(tc, any_script_comes_to_an_end, 0, 200);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
