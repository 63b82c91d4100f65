/* proto/request, suggest and errors: the request forms, what is refused and with which words. */
#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/util.h"
#include "proto/errors.h"
#include "proto/request_parse.h"
#include "proto/suggest.h"
#include "tests/lib/suite.h"

enum {
    ARENA_BYTES = 16 << 20
};

static struct rw_arena arena;
static struct rw_request req;
static struct rw_error err;
static struct rw_limits limits;

static void setup(void)
{
    rw_arena_init(&arena, ARENA_BYTES);
    memset(&err, 0, sizeof err);
    limits = RW_LIMITS_DEFAULT;
}

static void teardown(void)
{
    rw_arena_fini(&arena);
}

/* Single quotes stand for double ones, so that the bodies stay readable. */
static rw_status parse(const char *text)
{
    size_t len = strlen(text);
    char *body = malloc(len + 1);
    for (size_t i = 0; i <= len; i++) {
        body[i] = text[i] == '\'' ? '"' : text[i];
    }
    rw_status status = rw_request_parse(body, len, &limits, &arena, &req, &err);
    free(body); /* the request must not point into it */
    return status;
}

#define check_str(str, text) \
    ck_assert_msg(rw_str_is(str, text), "\"%.*s\" is not \"%s\"", RW_STR_ARG(str), text)

static void check_refused(const char *text, rw_status status, const char *param,
                          const char *message, const char *hint)
{
    rw_status got = parse(text);
    ck_assert_msg(got == status, "%s gave %s: %s", text, rw_status_code(got), err.message);
    ck_assert_str_eq(err.param, param);
    ck_assert_msg(strstr(err.message, message) != NULL, "%s: message \"%s\"", text, err.message);
    ck_assert_msg(strstr(err.hint, hint) != NULL, "%s: hint \"%s\"", text, err.hint);
}

START_TEST(one_trace_of_steps)
{
    ck_assert_int_eq(parse("{'prompt':'2+3*4','trace':{'steps':['3*4=12','2+12=14']}}"), RW_OK);
    ck_assert_uint_eq(req.n_items, 1);
    ck_assert_uint_eq(req.n_traces, 1);
    const struct rw_request_item *item = &req.items[0];
    ck_assert_uint_eq(item->n_messages, 1);
    ck_assert_int_eq(item->messages[0].role, RW_REQUEST_USER);
    check_str(item->messages[0].content, "2+3*4");
    ck_assert_uint_eq(item->n_traces, 1);
    ck_assert(!item->traces[0].is_text);
    ck_assert_uint_eq(item->traces[0].n_steps, 2);
    check_str(item->traces[0].steps[1], "2+12=14");
    ck_assert_ptr_null(item->reference.ptr);
}
END_TEST

START_TEST(defaults_are_absent)
{
    ck_assert_int_eq(parse("{'prompt':'p','trace':'t','aggregate':null,'run':null,'flags':null,"
                           "'stop_below':null,'reference':null,'items':null}"),
                     RW_OK);
    ck_assert_ptr_null(req.model.ptr);
    ck_assert_ptr_null(req.outcome_model.ptr);
    ck_assert_ptr_null(req.aggregate.ptr);
    ck_assert(!req.no_process && !req.no_outcome && !req.flags_set && !req.stream);
    ck_assert(isnan(req.stop_below) && isnan(req.deadline_ms));
    ck_assert_int_eq(req.overlong, RW_REQUEST_OVERLONG_ERROR);
    ck_assert_int_eq(req.run.step, -1);
    ck_assert_ptr_null(req.run.id.ptr);
}
END_TEST

/* As chat libraries and trainers write them. */
START_TEST(messages_as_they_come)
{
    ck_assert_int_eq(
        parse("{'messages':[{'role':'developer','content':'d'},"
              "{'role':'user','content':[{'type':'text','text':'a'},{'text':'b'},'c']},"
              "{'role':'assistant','tool_calls':[],'name':'x'},{'role':'assistant','content':null},"
              "{'role':'tool','content':'5','tool_call_id':'1'},{'role':'user','content':'q'}],"
              "'trace':'t'}"),
        RW_OK);
    ck_assert_int_eq(req.items[0].messages[0].role, RW_REQUEST_SYSTEM);
    check_str(req.items[0].messages[1].content, "abc");
    ck_assert_uint_eq(req.items[0].messages[2].content.len, 0);
    ck_assert_uint_eq(req.items[0].messages[3].content.len, 0);
    ck_assert_int_eq(req.items[0].messages[4].role, RW_REQUEST_USER);
    check_refused("{'messages':[{'role':'user','content':[{'type':'image_url'}]}],'trace':'t'}",
                  RW_INVALID_REQUEST, "messages[0].content[0]", "only parts of text", "");
    check_refused("{'messages':[{'role':'user','contents':'x'}],'trace':'t'}", RW_INVALID_REQUEST,
                  "messages[0].contents", "", "content");
}
END_TEST

/* A policy's prompt becomes its messages; what only looks like one is refused, not scored. */
START_TEST(templated_prompts)
{
    ck_assert_int_eq(parse("{'prompt':'<|im_start|>system\\ns<|im_end|>\\n<|im_start|>user\\nq"
                           "<|im_end|>\\n<|im_start|>assistant\\n<think>\\n','trace':'t'}"),
                     RW_OK);
    ck_assert_uint_eq(req.items[0].n_messages, 2);
    ck_assert_int_eq(req.items[0].messages[0].role, RW_REQUEST_SYSTEM);
    check_str(req.items[0].messages[1].content, "q");
    ck_assert_int_eq(parse("{'items':[{'prompt':'<s>[INST] q [/INST]','trace':'t'}]}"), RW_OK);
    check_str(req.items[0].messages[0].content, "q");
    static const char *const PLAIN[] = {"What does <|im_start|> mean?", "[INST is a mark",
                                        "Is a <| b and c |> d?", "User: who am I?",
                                        "<problem>2+2?</problem>"};
    for (size_t i = 0; i < RW_COUNT(PLAIN); i++) {
        char body[256];
        snprintf(body, sizeof body, "{'prompt':'%s','trace':'t'}", PLAIN[i]);
        ck_assert_int_eq(parse(body), RW_OK);
        check_str(req.items[0].messages[0].content, PLAIN[i]);
        ck_assert_int_eq(req.items[0].traces[0].error.status, RW_OK);
    }
    static const char *const UNKNOWN[] = {"<|person|>2+2?<|robot|>", "q<|robot|>\\n",
                                          "[|someone|]2+2?", "<|im_start|>assistant\\n",
                                          "[TOOLS][INST] q [/INST]"};
    for (size_t i = 0; i < RW_COUNT(UNKNOWN); i++) {
        char body[256];
        snprintf(body, sizeof body, "{'prompt':'%s','trace':'t'}", UNKNOWN[i]);
        check_refused(body, RW_INVALID_REQUEST, "prompt", "", "");
        snprintf(body, sizeof body, "{'items':[{'prompt':'%s','trace':'t'}]}", UNKNOWN[i]);
        ck_assert_int_eq(parse(body), RW_OK);
        ck_assert_int_eq(req.items[0].traces[0].error.status, RW_INVALID_REQUEST);
    }
    ck_assert_int_eq(parse("{'prompt':'<|person|>q','trace':'t','allow_special_tokens':true}"),
                     RW_OK);
    check_str(req.items[0].messages[0].content, "<|person|>q");
}
END_TEST

START_TEST(every_option)
{
    ck_assert_int_eq(
        parse("{'messages':[{'role':'system','content':''},{'role':'user','content':'q'},"
              "{'role':'assistant','content':'a'},{'content':'r','role':'user'}],"
              "'trace':{'text':'x'},'model':'prm','outcome_model':null,'aggregate':'product',"
              "'flags':'cheap','reference':'42','stop_below':0.25,'deadline_ms':1500,"
              "'overlong':'drop_steps','roles':'policy','stream':true,"
              "'allow_special_tokens':true,'checked':true,"
              "'run':{'id':'r1','step':7,'sample_index':3,'rollout_n':0,'validate':true}}"),
        RW_OK);
    ck_assert_uint_eq(req.items[0].n_messages, 4);
    ck_assert_int_eq(req.items[0].messages[0].role, RW_REQUEST_SYSTEM);
    ck_assert_int_eq(req.items[0].messages[2].role, RW_REQUEST_ASSISTANT);
    check_str(req.items[0].messages[3].content, "r");
    check_str(req.items[0].traces[0].text, "x");
    ck_assert(req.items[0].traces[0].is_text);
    check_str(req.items[0].reference, "42");
    check_str(req.model, "prm");
    ck_assert(req.no_outcome && !req.no_process);
    check_str(req.aggregate, "product");
    ck_assert_int_eq(req.flags, RW_FLAGS_CHEAP);
    ck_assert(req.flags_set);
    ck_assert_double_eq(req.stop_below, 0.25);
    ck_assert_double_eq(req.deadline_ms, 1500);
    ck_assert_int_eq(req.overlong, RW_REQUEST_OVERLONG_DROP_STEPS);
    ck_assert(req.stream && req.allow_special_tokens && req.checked);
    check_str(req.run.id, "r1");
    ck_assert_int_eq(req.run.step, 7);
    ck_assert_int_eq(req.run.sample_index, 3);
    ck_assert_int_eq(req.run.rollout_n, 0);
    ck_assert(req.run.validate);
}
END_TEST

START_TEST(flag_options)
{
    ck_assert_int_eq(parse("{'prompt':'p','trace':{'text':'t','reference':-2.5},'reference':42,"
                           "'flags_all':true,'gate':['min_process','answer_first'],"
                           "'domain':'gsm8k/train','prompt_gap':'full'}"),
                     RW_OK);
    check_str(req.items[0].reference, "42");
    check_str(req.items[0].traces[0].reference, "-2.5"); /* its own is the stronger one */
    ck_assert(req.flags_all && req.prompt_gap == RW_PROMPT_GAP_FULL);
    ck_assert_uint_eq(req.n_gates, 2);
    check_str(req.gates[1], "answer_first");
    check_str(req.domain, "gsm8k/train");
    ck_assert_int_eq(parse("{'prompt':'p','trace':'t','reference':9007199254740991}"), RW_OK);
    check_str(req.items[0].traces[0].reference, "9007199254740991");
    ck_assert_int_eq(parse("{'prompt':'p','trace':'t','reference':'1/2','gate':'shape'}"), RW_OK);
    check_str(req.items[0].traces[0].reference, "1/2");
    ck_assert_uint_eq(req.n_gates, 1);
    ck_assert(req.domain.ptr == NULL && !req.flags_all && req.prompt_gap == RW_PROMPT_GAP_START);
    ck_assert_int_eq(parse("{'items':[{'prompt':'p','trace':'t','domain':'a'},"
                           "{'prompt':'p','trace':'t'}],'domain':'b'}"),
                     RW_OK);
    check_str(req.items[0].domain, "a");
    ck_assert_ptr_null(req.items[1].domain.ptr);
    check_str(req.domain, "b");
}
END_TEST

START_TEST(flag_options_that_are_refused)
{
    const rw_status BAD = RW_INVALID_REQUEST;
    check_refused("{'prompt':'p','trace':'t','flags':'cheep'}", BAD, "flags", "", "\"cheap\"");
    check_refused("{'prompt':'p','trace':'t','flag_all':true}", BAD, "flag_all", "unknown field",
                  "flags_all");
    check_refused("{'prompt':'p','trace':'t','flags_all':1}", BAD, "flags_all", "", "");
    check_refused("{'prompt':'p','trace':'t','prompt_gap':'fulll'}", BAD, "prompt_gap", "", "full");
    check_refused("{'prompt':'p','trace':'t','gate':[]}", BAD, "gate", "", "");
    check_refused("{'prompt':'p','trace':'t','gate':['a','a']}", BAD, "gate[1]", "twice", "");
    check_refused("{'prompt':'p','trace':'t','gate':[true]}", BAD, "gate[0]", "", "");
    ck_assert_int_eq(parse("{'prompt':'p','trace':'t','verify':{'tolerance':0.01,'rounding':true,"
                           "'ordered':null}}"),
                     RW_OK);
    ck_assert(req.verify.tolerance == 0.01 && req.verify.rounding && !req.verify.ordered);
    ck_assert_int_eq(parse("{'prompt':'p','trace':'t','verify':null}"), RW_OK);
    ck_assert(req.verify.tolerance == 0 && !req.verify.rounding);
    check_refused("{'prompt':'p','trace':'t','verify':{'tolerence':1}}", BAD, "verify.tolerence",
                  "", "tolerance");
    check_refused("{'prompt':'p','trace':'t','verify':{'tolerance':0.6}}", BAD, "verify.tolerance",
                  "", "");
    check_refused("{'prompt':'p','trace':'t','verify':true}", BAD, "verify", "", "");
    check_refused("{'prompt':'p','trace':'t','domain':''}", BAD, "domain", "", "");
    check_refused("{'prompt':'p','trace':'t','domain':'a b'}", BAD, "domain", "letters", "");
    check_refused("{'prompt':'p','trace':'t','reference':true}", BAD, "reference",
                  "a string or a number", "");
    check_refused("{'prompt':'p','trace':'t','reference':12345678901234567890}", BAD, "reference",
                  "not exact", "string");
    check_refused("{'prompt':'p','trace':'t','reference':9007199254740993}", BAD, "reference",
                  "not exact", "string");
    check_refused("{'prompt':'p','trace':'t','reference':-9007199254740992}", BAD, "reference",
                  "not exact", "string");
    check_refused("{'prompt':'p','trace':{'text':'t','reference':[1]}}", BAD, "trace.reference",
                  "a string or a number", "");
    check_refused("{'items':[{'prompt':'p','trace':'t','domain':3}]}", BAD, "items[0].domain", "",
                  "");
}
END_TEST

START_TEST(short_forms_of_a_trace)
{
    ck_assert_int_eq(parse("{'prompt':'p','traces':['text',['s1','s2'],{'steps':['s']},"
                           "{'text':'t'}]}"),
                     RW_OK);
    const struct rw_request_trace *t = req.items[0].traces;
    ck_assert_uint_eq(req.n_traces, 4);
    ck_assert(t[0].is_text && !t[1].is_text && !t[2].is_text && t[3].is_text);
    check_str(t[1].steps[1], "s2");
}
END_TEST

START_TEST(a_batch_of_items)
{
    ck_assert_int_eq(parse("{'items':[{'prompt':'p0','traces':['a','b'],'reference':'1'},"
                           "{'messages':[{'role':'user','content':'p1'}],'trace':['c']}]}"),
                     RW_OK);
    ck_assert_uint_eq(req.n_items, 2);
    ck_assert_uint_eq(req.n_traces, 3);
    check_str(req.items[0].reference, "1");
    check_str(req.items[1].messages[0].content, "p1");
    check_str(req.items[1].traces[0].steps[0], "c");
}
END_TEST

START_TEST(one_bad_trace_harms_no_other)
{
    limits.text_bytes_max = 8;
    limits.steps_max = 2;
    ck_assert_int_eq(parse("{'prompt':'p','traces':[[],['ok'],['a',''],'','123456789',"
                           "['1','2','3'],'fine']}"),
                     RW_OK);
    const struct rw_request_trace *t = req.items[0].traces;
    ck_assert_uint_eq(req.n_traces, 7);
    ck_assert_int_eq(t[0].error.status, RW_EMPTY_TRACE);
    ck_assert_str_eq(t[0].error.param, "traces[0].steps");
    ck_assert_int_eq(t[1].error.status, RW_OK);
    ck_assert_int_eq(t[2].error.status, RW_OK); /* the model's recipe knows if it scores them */
    ck_assert_int_eq(t[3].error.status, RW_EMPTY_TRACE);
    ck_assert_int_eq(t[4].error.status, RW_LIMIT_EXCEEDED);
    ck_assert_str_eq(t[4].error.hint, "raise --text-max");
    ck_assert_int_eq(t[5].error.status, RW_LIMIT_EXCEEDED);
    ck_assert_str_eq(t[5].error.hint, "raise --steps-max");
    ck_assert_int_eq(t[6].error.status, RW_OK);
}
END_TEST

START_TEST(an_unusable_prompt_is_the_items)
{
    ck_assert_int_eq(parse("{'items':[{'prompt':'','traces':['a','b']},"
                           "{'prompt':'p','trace':'c'}]}"),
                     RW_OK);
    ck_assert_int_eq(req.items[0].traces[1].error.status, RW_INVALID_REQUEST);
    ck_assert_str_eq(req.items[0].traces[1].error.param, "items[0].prompt");
    ck_assert_int_eq(req.items[1].traces[0].error.status, RW_OK);
    check_refused("{'prompt':'','trace':'t'}", RW_INVALID_REQUEST, "prompt", "is empty", "");
}
END_TEST

START_TEST(hidden_text_is_reported_per_trace)
{
    ck_assert_int_eq(parse("{'prompt':'p\\u0000','traces':['clean',['a\\u0000b','\\ud800'],"
                           "{'text':'\\udfff'}]}"),
                     RW_OK);
    const struct rw_request_trace *t = req.items[0].traces;
    ck_assert_uint_eq(t[0].hidden_texts, 0);
    ck_assert_uint_eq(t[1].hidden_texts, 2);
    ck_assert_uint_eq(t[2].hidden_texts, 1);
    check_str(t[1].steps[0], "a\xEF\xBF\xBD"
                             "b");
    check_str(req.items[0].messages[0].content, "p\xEF\xBF\xBD");
}
END_TEST

START_TEST(unknown_fields_get_a_hint)
{
    check_refused("{'promt':'p','trace':'t'}", RW_INVALID_REQUEST, "promt", "unknown field",
                  "did you mean \"prompt\"?");
    check_refused("{'prompt':'p','steps':['t']}", RW_INVALID_REQUEST, "steps", "unknown field",
                  "\"trace\": {\"steps\"");
    check_refused("{'problem':'p','trace':'t'}", RW_INVALID_REQUEST, "problem", "unknown field",
                  "\"prompt\"");
    check_refused("{'zzzzzzzz':1}", RW_INVALID_REQUEST, "zzzzzzzz", "unknown", "one of: prompt");
    check_refused("{'prompt':'p','trace':{'step':['t']}}", RW_INVALID_REQUEST, "trace.step",
                  "unknown field", "did you mean \"steps\"?");
    check_refused("{'prompt':'p','trace':'t','run':{'setp':1}}", RW_INVALID_REQUEST, "run.setp",
                  "unknown field", "did you mean \"step\"?");
    check_refused("{'items':[{'prompt':'p','trace':'t','modle':'x'}]}", RW_INVALID_REQUEST,
                  "items[0].modle", "unknown field", "one of:");
    check_refused("{'prompt':'p','trace':'t','aggregate':'porduct'}", RW_INVALID_REQUEST,
                  "aggregate", "cannot be", "did you mean \"product\"?");
    check_refused("{'messages':[{'role':'human','content':'x'}],'trace':'t'}", RW_INVALID_REQUEST,
                  "messages[0].role", "cannot be \"human\"", "system, user, assistant");
}
END_TEST

START_TEST(wrong_types_are_named)
{
    check_refused("[]", RW_INVALID_REQUEST, "", "must be an object, not a list", "");
    check_refused("{'prompt':1,'trace':'t'}", RW_INVALID_REQUEST, "prompt",
                  "a string, not a number", "");
    check_refused("{'prompt':['a'],'trace':'t'}", RW_INVALID_REQUEST, "prompt", "not a list",
                  "\"messages\"");
    check_refused("{'prompt':'p','trace':['a',{}]}", RW_INVALID_REQUEST, "trace.steps[1]",
                  "a string, not an object", "");
    check_refused("{'items':[{'prompt':'p','traces':['a',['b',3]]}]}", RW_INVALID_REQUEST,
                  "items[0].traces[1].steps[1]", "a string, not a number", "");
    check_refused("{'prompt':'p','trace':7}", RW_INVALID_REQUEST, "trace", "not a number", "");
    check_refused("{'prompt':'p','trace':{}}", RW_INVALID_REQUEST, "trace", "either \"steps\"", "");
    check_refused("{'prompt':'p','trace':{'steps':['a'],'text':'b'}}", RW_INVALID_REQUEST, "trace",
                  "either", "");
    check_refused("{'prompt':'p','traces':{}}", RW_INVALID_REQUEST, "traces", "must be a list", "");
    check_refused("{'prompt':'p','trace':'t','stream':1}", RW_INVALID_REQUEST, "stream",
                  "true or false", "");
    check_refused("{'prompt':'p','trace':'t','model':''}", RW_INVALID_REQUEST, "model", "empty",
                  "");
}
END_TEST

START_TEST(numbers_are_checked)
{
    const char *const STOP[] = {"-0.1", "1.1", "1e400", "-1e400", "'x'", "true"};
    for (size_t i = 0; i < RW_COUNT(STOP); i++) {
        char text[128];
        snprintf(text, sizeof text, "{'prompt':'p','trace':'t','stop_below':%s}", STOP[i]);
        ck_assert_int_eq(parse(text), RW_INVALID_REQUEST);
        ck_assert_str_eq(err.param, "stop_below");
    }
    check_refused("{'prompt':'p','trace':'t','deadline_ms':0}", RW_INVALID_REQUEST, "deadline_ms",
                  "from 1 to", "");
    check_refused("{'prompt':'p','trace':'t','run':{'step':1.5}}", RW_INVALID_REQUEST, "run.step",
                  "whole number", "");
    check_refused("{'prompt':'p','trace':'t','run':{'step':-1}}", RW_INVALID_REQUEST, "run.step",
                  "from 0", "");
    check_refused("{'prompt':'p','trace':'t','run':{'step':1e300}}", RW_INVALID_REQUEST, "run.step",
                  "from 0 to 9007199254740992", "");
}
END_TEST

START_TEST(what_is_missing_or_too_much)
{
    check_refused("{}", RW_INVALID_REQUEST, "", "\"prompt\"", "");
    check_refused("{'prompt':'p'}", RW_INVALID_REQUEST, "", "\"trace\"", "");
    check_refused("{'prompt':'p','messages':[],'trace':'t'}", RW_INVALID_REQUEST, "", "not both",
                  "");
    check_refused("{'prompt':'p','trace':'t','traces':[]}", RW_INVALID_REQUEST, "", "not both", "");
    check_refused("{'prompt':'p','traces':[]}", RW_INVALID_REQUEST, "traces", "is empty", "");
    check_refused("{'items':[]}", RW_INVALID_REQUEST, "items", "is empty", "");
    check_refused("{'items':[{'prompt':'p','trace':'t'}],'prompt':'q'}", RW_INVALID_REQUEST,
                  "items", "inside the items", "");
    check_refused("{'messages':[{'content':'q'}],'trace':'t'}", RW_INVALID_REQUEST, "messages[0]",
                  "needs \"role\"", "");
    check_refused("{'prompt':'p','trace':'t','model':null,'outcome_model':null}",
                  RW_INVALID_REQUEST, "model", "nothing would be scored", "");
    check_refused("{'prompt':'p','prompt':'q','trace':'t'}", RW_INVALID_REQUEST, "prompt",
                  "given twice", "");
}
END_TEST

START_TEST(limits_name_their_option)
{
    limits.traces_max = 3;
    limits.items_max = 2;
    limits.messages_max = 1;
    limits.body_bytes_max = 200;
    check_refused("{'prompt':'p','traces':['1','2','3','4']}", RW_LIMIT_EXCEEDED, "traces",
                  "4 entries; the limit is 3", "--traces-max");
    check_refused("{'items':[{'prompt':'p','traces':['1','2']},{'prompt':'p','traces':['1','2']}]}",
                  RW_LIMIT_EXCEEDED, "items[1].traces", "limit is 1", "--traces-max");
    check_refused("{'items':[{'prompt':'p','traces':['1','2','3']},{'prompt':'p','trace':'1'}]}",
                  RW_LIMIT_EXCEEDED, "items[1]", "limit of 3", "--traces-max");
    check_refused("{'items':[{},{},{}]}", RW_LIMIT_EXCEEDED, "items", "limit is 2", "--items-max");
    check_refused("{'messages':[{},{}],'trace':'t'}", RW_LIMIT_EXCEEDED, "messages", "limit is 1",
                  "--messages-max");
    char big[300];
    memset(big, ' ', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    check_refused(big, RW_BODY_TOO_LARGE, "", "299 bytes; the limit is 200", "--body-max");
}
END_TEST

START_TEST(ten_thousand_steps)
{
    enum {
        N = 10000
    };
    limits.steps_max = N;
    char *text = malloc(16 * N);
    size_t len = (size_t)snprintf(text, 64, "{'prompt':'p','trace':[");
    for (int i = 0; i < N; i++) {
        len += (size_t)snprintf(text + len, 16, "%s's%d'", i > 0 ? "," : "", i);
    }
    snprintf(text + len, 8, "]}");
    ck_assert_int_eq(parse(text), RW_OK);
    ck_assert_uint_eq(req.items[0].traces[0].n_steps, N);
    check_str(req.items[0].traces[0].steps[N - 1], "s9999");
    limits.steps_max = N - 1;
    ck_assert_int_eq(parse(text), RW_OK);
    ck_assert_int_eq(req.items[0].traces[0].error.status, RW_LIMIT_EXCEEDED);
    free(text);
}
END_TEST

START_TEST(nearest_words)
{
    static const char *const WORD[] = {"prompt", "trace", "traces", "model"};
    ck_assert_int_eq(rw_suggest_nearest(RW_STR("promtp"), WORD, 4), 0);
    ck_assert_int_eq(rw_suggest_nearest(RW_STR("tarce"), WORD, 4), 1);
    ck_assert_int_eq(rw_suggest_nearest(RW_STR("tracess"), WORD, 4), 2);
    ck_assert_int_eq(rw_suggest_nearest(RW_STR("mdel"), WORD, 4), 3);
    ck_assert_int_eq(rw_suggest_nearest(RW_STR("xyz"), WORD, 4), -1);
    ck_assert_int_eq(rw_suggest_nearest(RW_STR(""), WORD, 4), -1);
    char big[100];
    memset(big, 'p', sizeof big);
    ck_assert_int_eq(rw_suggest_nearest((struct rw_str){big, sizeof big}, WORD, 4), -1);
}
END_TEST

/* ---- every allocation refused once ----------------------------------------------------------- */

static size_t allocations_left;

static void *failing_alloc(void *ctx, size_t bytes)
{
    (void)ctx;
    return allocations_left-- == 0 ? NULL : malloc(bytes);
}

static void *failing_resize(void *ctx, void *old, size_t bytes)
{
    (void)ctx;
    return allocations_left-- == 0 ? NULL : realloc(old, bytes);
}

static void plain_release(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

START_TEST(refused_allocations_are_errors)
{
    static const struct rw_allocator FAILING = {failing_alloc, failing_resize, plain_release, NULL};
    char *big = malloc(70000);
    size_t len = (size_t)snprintf(big, 64, "{'items':[");
    for (int i = 0; i < 400; i++) {
        len +=
            (size_t)snprintf(big + len, 160,
                             "%s{'prompt':'p\\u0000','traces':[['a','b'],'text'],'r\\u0065ference'"
                             ":'3'}",
                             i > 0 ? "," : "");
    }
    snprintf(big + len, 8, "]}");
    rw_status status = RW_NO_MEMORY;
    size_t n = 0;
    for (; status != RW_OK; n++) {
        ck_assert_uint_lt(n, 1000);
        rw_alloc_set(&FAILING);
        allocations_left = n;
        rw_arena_fini(&arena);
        status = parse(big);
        rw_alloc_set(NULL);
        ck_assert(status == RW_OK || status == RW_NO_MEMORY);
    }
    ck_assert_uint_gt(n, 3);
    ck_assert_uint_eq(req.n_traces, 800);
    free(big);
}
END_TEST

/* ---- errors ---------------------------------------------------------------------------------- */

START_TEST(every_status_has_an_entry)
{
    for (int s = 0; s < RW_STATUS_COUNT; s++) {
        const struct rw_error_entry *entry = rw_error_entry((rw_status)s);
        ck_assert_int_ge(entry->http_status, 200);
        ck_assert_int_le(entry->http_status, 505);
        ck_assert(!entry->retryable || entry->http_status >= 408);
    }
}
END_TEST

START_TEST(error_body)
{
    struct rw_buf out;
    rw_buf_init(&out, 4096);
    rw_fail(&err, RW_CONTEXT_EXCEEDED, "needs 5 tokens \"quoted\"\n\xFF");
    rw_error_param(&err, "traces[3]");
    rw_error_write_body(&out, &err, 422, "id-1");
    ck_assert(
        rw_str_is(rw_buf_str(&out),
                  "{\"error\":{\"code\":\"context_exceeded\",\"type\":\"invalid_request\","
                  "\"status\":422,\"param\":\"traces[3]\","
                  "\"message\":\"needs 5 tokens \\\"quoted\\\"\\n\xEF\xBF\xBD\",\"hint\":null,"
                  "\"retryable\":false,\"request_id\":\"id-1\"}}"));
    rw_buf_clear(&out);
    struct rw_error bare = {.status = RW_OVERLOADED};
    rw_error_write_object(&out, &bare, NULL);
    ck_assert(rw_str_is(rw_buf_str(&out),
                        "{\"code\":\"overloaded\",\"type\":\"overloaded\",\"status\":429,"
                        "\"param\":null,\"message\":\"the queue is full\",\"hint\":null,"
                        "\"retryable\":true}"));
    rw_buf_fini(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *tc = tcase_create("request");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, one_trace_of_steps);
    tcase_add_test(tc, defaults_are_absent);
    tcase_add_test(tc, messages_as_they_come);
    tcase_add_test(tc, templated_prompts);
    tcase_add_test(tc, every_option);
    tcase_add_test(tc, flag_options);
    tcase_add_test(tc, flag_options_that_are_refused);
    tcase_add_test(tc, short_forms_of_a_trace);
    tcase_add_test(tc, a_batch_of_items);
    tcase_add_test(tc, one_bad_trace_harms_no_other);
    tcase_add_test(tc, an_unusable_prompt_is_the_items);
    tcase_add_test(tc, hidden_text_is_reported_per_trace);
    tcase_add_test(tc, unknown_fields_get_a_hint);
    tcase_add_test(tc, wrong_types_are_named);
    tcase_add_test(tc, numbers_are_checked);
    tcase_add_test(tc, what_is_missing_or_too_much);
    tcase_add_test(tc, limits_name_their_option);
    tcase_add_test(tc, ten_thousand_steps);
    tcase_add_test(tc, nearest_words);
    tcase_add_test(tc, refused_allocations_are_errors);
    tcase_add_test(tc, every_status_has_an_entry);
    tcase_add_test(tc, error_body);
    suite_add_tcase(suite, tc);
    return rw_test_run(suite);
}
