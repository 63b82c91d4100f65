/* proto/wire*, and every wire but OpenRLHF's: options of the address, requests, replies. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/util.h"
#include "tests/lib/suite.h"
#include "tests/lib/wire_read.h"

enum {
    ARENA_BYTES = 8 << 20
};

static struct rw_arena arena;
static struct rw_request req;
static struct rw_wire_options options;
static struct rw_error err;
static void *state;

static void setup(void)
{
    rw_arena_init(&arena, ARENA_BYTES);
    memset(&err, 0, sizeof err);
    state = NULL;
}

static void teardown(void)
{
    rw_arena_fini(&arena);
}

/* Apostrophes stand for quotes. */
static rw_status parse_at(const struct rw_wire *wire, const char *path, const char *query,
                          const char *text)
{
    size_t len = strlen(text);
    char *body = malloc(len + 1);
    for (size_t i = 0; i < len; i++) {
        body[i] = text[i] == '\'' ? '"' : text[i];
    }
    memset(&err, 0, sizeof err);
    rw_status status = wire_read(wire, rw_str_from(path), rw_str_from(query), body, len, RW_STR(""),
                                 &arena, &options, &req, &state, &err);
    free(body);
    return status;
}

static rw_status parse(const struct rw_wire *wire, const char *text)
{
    return parse_at(wire, wire->path[0], "", text);
}

static void check_reply(const struct rw_wire *wire, const struct rw_wire_row *rows, size_t n,
                        const char *wanted)
{
    if (options.which == RW_WIRE_EITHER) {
        options.which = wire->which;
    }
    const struct rw_wire_reply reply = {.rows = rows,
                                        .n = n,
                                        .request_id = "r1",
                                        .process_name = "prm",
                                        .outcome_name = "orm",
                                        .prompt_tokens = 7,
                                        .created = 5,
                                        .options = &options,
                                        .state = state};
    struct rw_buf out;
    rw_buf_init(&out, 8192);
    wire->write(&reply, &out);
    ck_assert_msg(rw_str_is(rw_buf_str(&out), wanted), "got  %.*s\nwant %s",
                  RW_STR_ARG(rw_buf_str(&out)), wanted);
    rw_buf_fini(&out);
}

static void check_text(struct rw_str got, const char *wanted)
{
    ck_assert_msg(rw_str_is(got, wanted), "got \"%.*s\", want \"%s\"", RW_STR_ARG(got), wanted);
}

static const struct rw_reply_step STEPS[] = {
    {.index = 0, .scored = true, .reward = 0.75F, .raw = 1.5F, .char_begin = 0, .char_end = 3},
    {.index = 1, .scored = true, .reward = 0.25F, .raw = -1.5F, .char_begin = 3, .char_end = 6},
};
static const struct rw_wire_row BOTH = {
    .has_process = true,
    .has_outcome = true,
    .process = 0.25F,
    .mean = 0.5F,
    .outcome = 0.5F,
    .outcome_raw = 2,
    .first_bad_step = 1,
    .steps = STEPS,
    .n_steps = 2,
    .shortcut_p = NAN,
    .tokens = 9,
};

/* ---- the address ----------------------------------------------------------------------------- */

START_TEST(options_of_the_address)
{
    ck_assert_int_eq(
        parse_at(&RW_WIRE_SLIME, "/compat/slime",
                 "model=my%2Fprm&aggregate=mean&run=a+b&overlong=drop_steps&unscorable=-1.5&"
                 "system=policy&which=outcome&flags=cheap&bare=1&&outcome_model=o",
                 "{'prompt':'p','response':'r'}"),
        RW_OK);
    check_text(req.model, "my/prm");
    check_text(req.outcome_model, "o");
    check_text(req.aggregate, "mean");
    check_text(req.run.id, "a b");
    ck_assert_int_eq(req.overlong, RW_REQUEST_OVERLONG_DROP_STEPS);
    ck_assert_int_eq(req.roles, RW_REQUEST_ROLES_POLICY);
    ck_assert_int_eq(req.flags, RW_FLAGS_CHEAP);
    ck_assert(options.has_unscorable && options.bare);
    ck_assert_double_eq(options.unscorable, -1.5);
    ck_assert_int_eq(options.which, RW_WIRE_OUTCOME);
    ck_assert_int_eq(parse_at(&RW_WIRE_SLIME, "/compat/slime", "", "{'prompt':'p','response':'r'}"),
                     RW_OK);
    ck_assert_int_eq(req.roles, RW_REQUEST_ROLES_AUTO);
    ck_assert(!options.has_unscorable && req.model.ptr == NULL);
}
END_TEST

START_TEST(mistakes_in_the_address)
{
    static const struct {
        const char *query;
        const char *param;
        const char *hint;
    } CASE[] = {
        {"modle=x", "?modle", "model"},
        {"aggregate=max", "?aggregate", ""},
        {"unscorable=zero", "?unscorable", "unscorable=fail"},
        {"unscorable=nan", "?unscorable", ""},
        {"unscorable=", "?unscorable", ""},
        {"which=prm", "?which", ""},
        {"model=", "?model", ""},
        {"run=%", "", ""},
        {"run=%zz", "", ""},
        {"run=%4", "", ""},
        {"Model=x", "?Model", "model"},
        {"unscorable=1e300", "?unscorable", ""}, /* no float32: a reply would have held infinity */
        {"unscorable=-3.5e38", "?unscorable", ""},
        {"run=a%01b", "?run", ""},
        {"run=a%00b", "?run", ""},
        {"run=", "?run", ""},
        {"run=a&step=-1", "?step", ""},
        {"run=a&step=1.5", "?step", ""},
        {"run=a&step=99999999999999999999", "?step", ""},
        {"run=a&sample_index=", "?sample_index", ""},
        {"run=a&validate=maybe", "?validate", ""},
        {"step=3", "?step", "run="},
        {"label=a=b", "?label", "run="},
        {"run=a&label==b", "?label", ""},
        {"run=a&label=a%20b=c", "?label", ""},
        {"run=a&label=a=b&label=a=c", "?label", ""},
        {"run=a&run=b", "?run", ""},
        {"which=process&which=outcome", "?which", ""},
    };
    for (size_t i = 0; i < RW_COUNT(CASE); i++) {
        ck_assert_msg(parse_at(&RW_WIRE_SLIME, "/compat/slime", CASE[i].query,
                               "{'prompt':'p','response':'r'}") == RW_INVALID_REQUEST,
                      "%s", CASE[i].query);
        ck_assert_str_eq(err.param, CASE[i].param);
        ck_assert_msg(strstr(err.hint, CASE[i].hint) != NULL, "%s: %s", CASE[i].query, err.hint);
    }
}
END_TEST

START_TEST(labels_of_a_run)
{
    ck_assert_int_eq(
        parse_at(&RW_WIRE_SLIME, "/compat/slime",
                 "run=a&step=9007199254740992&sample_index=0&rollout_n=8&validate=true&"
                 "label=seed=3&label=note=%22x%22:%3D&label=x=",
                 "{'prompt':'p','response':'r'}"),
        RW_OK);
    ck_assert_int_eq(req.run.step, INT64_C(9007199254740992));
    ck_assert_int_eq(req.run.sample_index, 0);
    ck_assert_int_eq(req.run.rollout_n, 8);
    ck_assert(req.run.validate);
    check_text((struct rw_str){req.run.labels, req.run.labels_len},
               "{\"seed\":\"3\",\"note\":\"\\\"x\\\":=\",\"x\":\"\"}");
    ck_assert_int_eq(parse_at(&RW_WIRE_SLIME, "/compat/slime", "run=a&validate=0",
                              "{'prompt':'p','response':'r'}"),
                     RW_OK);
    ck_assert(!req.run.validate && req.run.step == -1 && req.run.labels_len == 0);
    ck_assert_int_eq(parse_at(&RW_WIRE_SLIME, "/compat/slime",
                              "run=a&label=1=&label=2=&label=3=&label=4=&label=5=&label=6=&label=7="
                              "&label=8=&label=9=",
                              "{'prompt':'p','response':'r'}"),
                     RW_INVALID_REQUEST);
    ck_assert_int_eq(parse_at(&RW_WIRE_SLIME, "/compat/slime", "model=%FF", "{}"), RW_INVALID_UTF8);
}
END_TEST

START_TEST(paths)
{
    ck_assert_ptr_eq(rw_wire_at(RW_STR("/get_reward")), RW_WIRES[0]);
    ck_assert_ptr_eq(rw_wire_at(RW_STR("/v2/rerank")), &RW_WIRE_RERANK);
    ck_assert_ptr_eq(rw_wire_at(RW_STR("/v2/models/prm/infer")), &RW_WIRE_KSERVE);
    ck_assert_ptr_null(rw_wire_at(RW_STR("/v2/models//infer")));
    ck_assert_ptr_null(rw_wire_at(RW_STR("/v2/models/a/b/infer")));
    ck_assert_ptr_null(rw_wire_at(RW_STR("/rerank/")));
    ck_assert_ptr_null(rw_wire_at(RW_STR("")));
}
END_TEST

/* ---- slime ------------------------------------------------------------------------------------
 */

START_TEST(slime_requests)
{
    ck_assert_int_eq(
        parse(&RW_WIRE_SLIME,
              "{'prompt':'<|im_start|>user\\n2+2?<|im_end|>\\n<|im_start|>assistant\\n',"
              "'response':'4<|im_end|>','label':'4','metadata':{'x':1}}"),
        RW_OK);
    ck_assert_uint_eq(req.items[0].n_messages, 1);
    check_text(req.items[0].messages[0].content, "2+2?");
    check_text(req.items[0].traces[0].text, "4");
    check_text(req.items[0].reference, "4");
    ck_assert_int_eq(
        parse(&RW_WIRE_SLIME,
              "{'prompt':[{'role':'developer','content':null},{'role':'user','content':[{'type':"
              "'text','text':'a'},{'type':'text','text':'b'}]},{'role':'assistant','tool_calls':[]}"
              "],'response':'x','label':null}"),
        RW_OK);
    ck_assert_uint_eq(req.items[0].n_messages, 3);
    ck_assert_int_eq(req.items[0].messages[0].role, RW_REQUEST_SYSTEM);
    check_text(req.items[0].messages[1].content, "ab");
    check_text(req.items[0].messages[2].content, "");
    ck_assert_ptr_null(req.items[0].reference.ptr);
}
END_TEST

START_TEST(slime_replies)
{
    ck_assert_int_eq(parse(&RW_WIRE_SLIME, "{'prompt':'p','response':'r'}"), RW_OK);
    check_reply(&RW_WIRE_SLIME, &BOTH, 1,
                "{\"reward\":0.25,\"scored\":true,\"score\":0.25,\"outcome\":0.5,\"outcome_raw\":2,"
                "\"n_steps\":2,\"first_bad_step\":1,\"steps\":[{\"reward\":0.75,\"chars\":[0,3]},{"
                "\"reward\":0.25,\"chars\":[3,6]}],\"verified\":null,\"flags\":[]}");
    options.which = RW_WIRE_OUTCOME;
    options.bare = true;
    check_reply(&RW_WIRE_SLIME, &BOTH, 1, "2");
}
END_TEST

/* ---- vLLM and SGLang --------------------------------------------------------------------------
 */

START_TEST(pooling_of_messages)
{
    ck_assert_int_eq(parse(&RW_WIRE_POOLING,
                           "{'model':'m','messages':[{'role':'user','content':'q'},{'role':"
                           "'assistant','content':'a<extra_0>b c<extra_0>'}]}"),
                     RW_OK);
    check_text(req.any_model, "m");
    ck_assert_uint_eq(req.items[0].n_messages, 1);
    ck_assert_uint_eq(req.items[0].traces[0].n_steps, 2);
    check_text(req.items[0].traces[0].steps[0], "a");
    check_text(req.items[0].traces[0].steps[1], "b c");
    check_reply(
        &RW_WIRE_POOLING, &BOTH, 1,
        "{\"id\":\"pool-r1\",\"object\":\"list\",\"created\":5,\"model\":\"prm\",\"data\":[{"
        "\"index\":0,\"object\":\"pooling\",\"data\":[[0.25,0.75],[0.75,0.25]]}],\"usage\":{"
        "\"prompt_tokens\":7,\"total_tokens\":7}}");
    ck_assert_int_eq(
        parse_at(&RW_WIRE_POOLING, "/pooling", "model=other", "{'model':'m','input':[[1,2],[3]]}"),
        RW_OK);
    check_text(req.model, "other"); /* the address beats the body */
    ck_assert_ptr_null(req.any_model.ptr);
    ck_assert_uint_eq(req.n_items, 2);
    ck_assert_int_eq(req.items[0].traces[0].raw, RW_RAW_IDS);
    ck_assert_int_eq(req.items[0].traces[0].ids[1], 2);
}
END_TEST

START_TEST(classify_in_two_forms)
{
    static const struct rw_wire_row outcome = {
        .has_outcome = true, .outcome = 0.5F, .outcome_raw = 2, .tokens = 9};
    ck_assert_int_eq(parse(&RW_WIRE_CLASSIFY, "{'text':'a b'}"), RW_OK);
    ck_assert(req.no_process);
    check_reply(&RW_WIRE_CLASSIFY, &outcome, 1,
                "{\"embedding\":[2],\"meta_info\":{\"id\":\"r1-0\",\"prompt_tokens\":9}}");
    ck_assert_int_eq(parse(&RW_WIRE_CLASSIFY, "{'text':['a b']}"), RW_OK);
    check_reply(&RW_WIRE_CLASSIFY, &outcome, 1,
                "[{\"embedding\":[2],\"meta_info\":{\"id\":\"r1-0\",\"prompt_tokens\":9}}]");
    ck_assert_int_eq(parse(&RW_WIRE_CLASSIFY, "{'input':'a b'}"), RW_OK);
    check_reply(
        &RW_WIRE_CLASSIFY, &outcome, 1,
        "{\"id\":\"classify-r1\",\"object\":\"list\",\"created\":5,\"model\":\"orm\",\"data\":"
        "[{\"index\":0,\"label\":\"LABEL_0\",\"probs\":[0.5],\"num_classes\":1}],\"usage\":{"
        "\"prompt_tokens\":7,\"total_tokens\":7}}");
    ck_assert_int_eq(parse(&RW_WIRE_CLASSIFY, "{'input':'a b','use_activation':false}"), RW_OK);
    check_reply(
        &RW_WIRE_CLASSIFY, &outcome, 1,
        "{\"id\":\"classify-r1\",\"object\":\"list\",\"created\":5,\"model\":\"orm\",\"data\":"
        "[{\"index\":0,\"label\":\"LABEL_0\",\"probs\":[2],\"num_classes\":1}],\"usage\":{"
        "\"prompt_tokens\":7,\"total_tokens\":7}}");
}
END_TEST

START_TEST(embeddings)
{
    ck_assert_int_eq(parse(&RW_WIRE_EMBEDDINGS, "{'input':[[1,2]],'encoding_format':'base64'}"),
                     RW_OK);
    ck_assert(req.items[0].traces[0].every_token);
    check_reply(
        &RW_WIRE_EMBEDDINGS, &BOTH, 1,
        "{\"id\":\"embd-r1\",\"object\":\"list\",\"created\":5,\"model\":\"prm\",\"data\":[{"
        "\"object\":\"embedding\",\"index\":0,\"embedding\":[1.5,-1.5]}],\"usage\":{"
        "\"prompt_tokens\":7,\"total_tokens\":7}}");
}
END_TEST

/* ---- the others -------------------------------------------------------------------------------
 */

START_TEST(llamafactory)
{
    ck_assert_int_eq(parse(&RW_WIRE_LLAMAFACTORY,
                           "{'model':'reward-model','messages':['<|im_start|>user\\nq<|im_end|>\\n"
                           "<|im_start|>assistant\\na<|im_end|>\\n']}"),
                     RW_OK);
    check_text(req.items[0].messages[0].content, "q");
    check_text(req.items[0].traces[0].text, "a");
    check_reply(&RW_WIRE_LLAMAFACTORY, &BOTH, 1,
                "{\"id\":\"scoreval-r1\",\"object\":\"score.evaluation\",\"model\":\"orm\","
                "\"scores\":[2]}");
}
END_TEST

START_TEST(rerank)
{
    static const struct rw_error lost = {.status = RW_EMPTY_TRACE};
    static const struct rw_wire_row rows[] = {
        {.has_outcome = true, .outcome = 0.25F},
        {.error = &lost},
        {.has_outcome = true, .outcome = 0.75F},
        {.has_outcome = true, .outcome = 0.25F},
    };
    ck_assert_int_eq(
        parse(&RW_WIRE_RERANK, "{'query':'q','documents':['a','',{'text':'c'},'d'],'top_n':3}"),
        RW_OK);
    ck_assert_uint_eq(req.n_items, 1);
    ck_assert_uint_eq(req.n_traces, 4);
    ck_assert_int_eq(req.items[0].traces[1].error.status, RW_EMPTY_TRACE);
    check_reply(&RW_WIRE_RERANK, rows, 4,
                "{\"id\":\"rerank-r1\",\"model\":\"orm\",\"results\":[{\"index\":2,"
                "\"relevance_score\":0.75,\"document\":{\"text\":\"c\"}},{\"index\":0,"
                "\"relevance_score\":0.25,\"document\":{\"text\":\"a\"}},{\"index\":3,"
                "\"relevance_score\":0.25,\"document\":{\"text\":\"d\"}}],\"usage\":{"
                "\"prompt_tokens\":7,\"total_tokens\":7}}");
    ck_assert_int_eq(
        parse(&RW_WIRE_RERANK,
              "{'query':'q','documents':['a','','c','d'],'top_n':1,'return_documents':false}"),
        RW_OK);
    check_reply(&RW_WIRE_RERANK, rows, 4,
                "{\"id\":\"rerank-r1\",\"model\":\"orm\",\"results\":[{\"index\":2,"
                "\"relevance_score\":0.75}],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
}
END_TEST

START_TEST(rerank_sorts_any_order)
{
    enum {
        N = 101
    };
    struct rw_wire_row rows[N];
    char body[4096];
    size_t at = (size_t)snprintf(body, sizeof body, "{'query':'q','documents':['x'");
    for (int i = 1; i < N; i++) {
        at += (size_t)snprintf(body + at, sizeof body - at, ",'x'");
    }
    snprintf(body + at, sizeof body - at, "],'return_documents':false}");
    ck_assert_int_eq(parse(&RW_WIRE_RERANK, body), RW_OK);
    for (int i = 0; i < N; i++) { /* a permutation: 37 and 101 have no common divisor */
        rows[i] = (struct rw_wire_row){.has_outcome = true, .outcome = (float)(i * 37 % N) / N};
    }
    options.which = RW_WIRE_OUTCOME;
    const struct rw_wire_reply reply = {.rows = rows,
                                        .n = N,
                                        .request_id = "r",
                                        .outcome_name = "o",
                                        .options = &options,
                                        .state = state};
    struct rw_buf out;
    rw_buf_init(&out, 65536);
    RW_WIRE_RERANK.write(&reply, &out);
    struct rw_str text = rw_buf_str(&out);
    size_t found = 0;
    for (int rank = 0; rank < N; rank++) {
        int index = 0;
        while (index * 37 % N != N - 1 - rank) {
            index++;
        }
        char wanted[32];
        int n = snprintf(wanted, sizeof wanted, "{\"index\":%d,", index);
        size_t next = rw_str_find(text, (struct rw_str){wanted, (size_t)n}, found);
        ck_assert_uint_lt(next, text.len);
        found = next + 1;
    }
    rw_buf_fini(&out);
}
END_TEST

START_TEST(score_pairs)
{
    ck_assert_int_eq(parse(&RW_WIRE_SCORE, "{'text_1':'q','text_2':['a','b']}"), RW_OK);
    ck_assert_uint_eq(req.n_items, 2);
    check_text(req.items[1].messages[0].content, "q");
    check_text(req.items[1].traces[0].text, "b");
    ck_assert_int_eq(parse(&RW_WIRE_SCORE, "{'queries':['p','q'],'documents':['a','b']}"), RW_OK);
    check_text(req.items[1].messages[0].content, "q");
    ck_assert_int_eq(parse(&RW_WIRE_SCORE, "{'queries':['p','q'],'documents':['a']}"),
                     RW_INVALID_REQUEST);
    ck_assert_int_eq(parse(&RW_WIRE_SCORE, "{'text_1':'q'}"), RW_INVALID_REQUEST);
}
END_TEST

START_TEST(rlhflow_chat)
{
    ck_assert_int_eq(
        parse(
            &RW_WIRE_RLHFLOW,
            "{'model':'x','max_tokens':1,'messages':[{'role':'user','content':'q l1\\nl2\\n\\ns1'},"
            "{'role':'assistant','content':'+'},{'role':'user','content':'s2'}]}"),
        RW_OK);
    check_text(req.items[0].messages[0].content, "q l1\nl2");
    ck_assert_uint_eq(req.items[0].traces[0].n_steps, 2);
    check_text(req.items[0].traces[0].steps[0], "s1");
    check_text(req.items[0].traces[0].steps[1], "s2");
    check_reply(
        &RW_WIRE_RLHFLOW, &BOTH, 1,
        "{\"id\":\"chatcmpl-r1\",\"object\":\"chat.completion\",\"created\":5,\"model\":"
        "\"prm\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
        "\"-\"},\"logprobs\":{\"content\":[{\"token\":\"-\",\"logprob\":-0.2876821,\"bytes\":"
        "[45],\"top_logprobs\":[{\"token\":\"-\",\"logprob\":-0.2876821,\"bytes\":[45]},{"
        "\"token\":\"+\",\"logprob\":-1.3862944,\"bytes\":[43]}]}]},\"finish_reason\":"
        "\"length\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1,"
        "\"total_tokens\":8}}");
    static const char *const REFUSED[] = {
        "{'messages':[{'role':'user','content':'q\\n\\ns'}]}",
        "{'max_tokens':100,'messages':[{'role':'user','content':'q\\n\\ns'}]}",
        "{'max_tokens':1,'messages':[{'role':'user','content':'write a poem'}]}",
        "{'max_tokens':1,'messages':[{'role':'system','content':'q\\n\\ns'}]}",
        "{'max_tokens':1,'messages':[{'role':'user','content':'q\\n\\ns'},{'role':'assistant',"
        "'content':'hello'},{'role':'user','content':'t'}]}",
        "{'max_tokens':1,'messages':[{'role':'user','content':'q\\n\\ns'},{'role':'assistant',"
        "'content':'+'}]}",
    };
    for (size_t i = 0; i < RW_COUNT(REFUSED); i++) {
        ck_assert_msg(parse(&RW_WIRE_RLHFLOW, REFUSED[i]) == RW_INVALID_REQUEST, "%s", REFUSED[i]);
    }
}
END_TEST

START_TEST(predict)
{
    ck_assert_int_eq(
        parse(&RW_WIRE_PREDICT, "{'inputs':'<|user|>\\nq<|end|>\\n<|assistant|>\\na'}"), RW_OK);
    check_text(req.items[0].traces[0].text, "a");
    check_reply(&RW_WIRE_PREDICT, &BOTH, 1, "[[{\"label\":\"LABEL_0\",\"score\":0.5}]]");
    ck_assert_int_eq(parse(&RW_WIRE_PREDICT, "{'inputs':'plain'}"), RW_INVALID_REQUEST);
}
END_TEST

START_TEST(kserve)
{
    ck_assert_int_eq(
        parse_at(
            &RW_WIRE_KSERVE, "/v2/models/orm/infer", "",
            "{'id':'7','inputs':[{'name':'prompt','datatype':'BYTES','shape':[2],'data':['p',"
            "'q']},{'name':'response','datatype':'BYTES','shape':[2,1],'data':[['a'],['b']]}]}"),
        RW_OK);
    check_text(req.any_model, "orm");
    check_text(req.items[1].messages[0].content, "q");
    check_text(req.items[1].traces[0].text, "b");
    check_reply(
        &RW_WIRE_KSERVE, &BOTH, 1,
        "{\"model_name\":\"orm\",\"id\":\"7\",\"outputs\":[{\"name\":\"reward\",\"datatype\":"
        "\"FP32\",\"shape\":[1],\"data\":[0.5]}]}");
}
END_TEST

START_TEST(fastchat)
{
    ck_assert_int_eq(parse(&RW_WIRE_FASTCHAT,
                           "{'input_str':['Question: 2+2? Answer: 2+2=4.\\nThe answer is 4']}"),
                     RW_OK);
    check_text(req.items[0].messages[0].content, "2+2?");
    check_text(req.items[0].traces[0].text, "2+2=4.\nThe answer is 4");
    check_reply(&RW_WIRE_FASTCHAT, &BOTH, 1, "{\"reward\":[[0.75,0.25]]}");
    check_reply(&RW_WIRE_FASTCHAT_VALUE, &BOTH, 1, "{\"value\":[[0.75,0.25]]}");
}
END_TEST

/* What no wire may take: every one of them, with the same bodies. */
START_TEST(bodies_that_are_refused)
{
    static const char *const BODY[] = {
        "",
        "[]",
        "3",
        "{",
        "{}",
        "{'inputs':3,'query':3,'messages':3,'input':3,'input_str':3}",
        "{'query':[],'documents':[],'messages':[],'inputs':[],'input':[],'input_str':[]}x",
    };
    const struct rw_wire *wire = RW_WIRES[_i];
    for (size_t i = 0; i < RW_COUNT(BODY); i++) {
        rw_status status = parse(wire, BODY[i]);
        ck_assert_msg(status == RW_INVALID_JSON || status == RW_INVALID_REQUEST, "%s: %s gave %d",
                      wire->path[0], BODY[i], status);
        ck_assert(err.message[0] != '\0');
    }
}
END_TEST

START_TEST(errors_of_openai)
{
    struct rw_error error = {.status = RW_EMPTY_TRACE, .param = "input", .message = "none"};
    struct rw_buf out;
    rw_buf_init(&out, 1024);
    rw_wire_write_error_openai(&error, 422, "r1", &out);
    ck_assert(rw_str_is(rw_buf_str(&out),
                        "{\"error\":{\"message\":\"none\",\"type\":\"invalid_request\",\"param\":"
                        "\"input\",\"code\":422,\"reason\":\"empty_trace\",\"hint\":null,"
                        "\"retryable\":false,\"request_id\":\"r1\"}}"));
    rw_buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wires");
    TCase *tc = tcase_create("wires");
    size_t n = 0;
    while (RW_WIRES[n] != NULL) {
        n++;
    }
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, options_of_the_address);
    tcase_add_test(tc, mistakes_in_the_address);
    tcase_add_test(tc, labels_of_a_run);
    tcase_add_test(tc, paths);
    tcase_add_test(tc, slime_requests);
    tcase_add_test(tc, slime_replies);
    tcase_add_test(tc, pooling_of_messages);
    tcase_add_test(tc, classify_in_two_forms);
    tcase_add_test(tc, embeddings);
    tcase_add_test(tc, llamafactory);
    tcase_add_test(tc, rerank);
    tcase_add_test(tc, rerank_sorts_any_order);
    tcase_add_test(tc, score_pairs);
    tcase_add_test(tc, rlhflow_chat);
    tcase_add_test(tc, predict);
    tcase_add_test(tc, kserve);
    tcase_add_test(tc, fastchat);
    tcase_add_loop_test(tc, bodies_that_are_refused, 0, (int)n);
    tcase_add_test(tc, errors_of_openai);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
