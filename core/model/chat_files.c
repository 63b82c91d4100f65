#include "core/model/chat_files.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/util.h"
#include "core/io/json.h"
#include "core/text/tokenizer.h"

enum {
    CONFIG_BYTES_MAX = 16 << 20, /* of tokenizer_config.json, special_tokens_map.json */
    TEMPLATE_BYTES_MAX = 1 << 20,
    TEMPLATES_MAX = 256, /* files of additional_chat_templates */
    PATH_BYTES_MAX = 4096,
};

static const char *const TOKEN_NAME[RW_SPECIALS_MAX] = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

struct reading {
    const struct rw_chat_files *files;
    struct rw_chat *chat;
    const struct rw_json *root; /* of tokenizer_config.json; NULL = no such file */
    const struct rw_json *token[RW_SPECIALS_MAX]; /* null of JSON: none is meant */
    bool has_default;                             /* a template, be it empty */
    struct rw_error *err;
};

/* *there tells a missing file, which is OK, from an empty one. */
static rw_status read_file(struct reading *r, const char *name, size_t max, struct rw_str *out,
                           bool *there)
{
    char path[PATH_BYTES_MAX];
    *out = (struct rw_str){0};
    *there = false;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", r->files->dir, name) >= sizeof path) {
        return rw_fail(r->err, RW_LIMIT_EXCEEDED, "the path of the model is too long");
    }
    rw_status status = rw_file_read_all(path, max, r->files->arena, out, r->err);
    *there = status == RW_OK;
    return status == RW_NOT_FOUND ? RW_OK : status;
}

/* *out is NULL where there is no such file. */
static rw_status read_json(struct reading *r, const char *name, const struct rw_json **out)
{
    struct rw_str text;
    bool there;
    *out = NULL;
    rw_status status = read_file(r, name, CONFIG_BYTES_MAX, &text, &there);
    if (status != RW_OK || !there) {
        return status;
    }
    return rw_json_parse_file(r->files->arena, text, name, out, r->err);
}

/* ---- special tokens -------------------------------------------------------------------------- */

static void take_tokens(struct reading *r, const struct rw_json *root)
{
    for (size_t i = 0; i < RW_SPECIALS_MAX; i++) {
        const struct rw_json *value = rw_json_get(root, TOKEN_NAME[i]);
        r->token[i] = value != NULL ? value : r->token[i];
    }
}

/* The class of the tokenizer, as AutoTokenizer chooses it from the two files (transformers 5.24,
 * tried for every pair of class and model_type), has tokens of its own where the file names none;
 * null in the file means none. */
static const char *default_token(const struct reading *r, const char *name)
{
    enum rw_backbone backbone = r->files->config->backbone;
    const struct rw_json *named = rw_json_get(r->root, "tokenizer_class");
    bool absent = named == NULL || named->type != RW_JSON_STRING;
    struct rw_str class_name = absent ? (struct rw_str){0} : named->text;
    bool qwen =
        backbone == RW_BACKBONE_QWEN2 || (backbone == RW_BACKBONE_QWEN3 && absent) ||
        (backbone != RW_BACKBONE_MISTRAL && rw_str_starts(class_name, RW_STR("Qwen2Tokenizer")));
    if (qwen) {
        bool has = strcmp(name, "eos_token") == 0 || strcmp(name, "unk_token") == 0 ||
                   strcmp(name, "pad_token") == 0;
        return has ? "<|endoftext|>" : NULL;
    }
    bool llama = backbone != RW_BACKBONE_MISTRAL &&
                 rw_str_starts(class_name, RW_STR("LlamaTokenizer")) &&
                 rw_tokenizer_find(r->files->tokenizer, RW_STR("<unk>")) >= 0;
    if (llama) {
        return strcmp(name, "bos_token") == 0   ? "<s>"
               : strcmp(name, "eos_token") == 0 ? "</s>"
               : strcmp(name, "unk_token") == 0 ? "<unk>"
                                                : NULL;
    }
    return NULL;
}

static void keep_tokens(struct reading *r)
{
    struct rw_chat *chat = r->chat;
    for (size_t i = 0; i < RW_SPECIALS_MAX; i++) {
        struct rw_str text = rw_tokenizer_content(r->token[i]);
        const char *own = r->token[i] == NULL ? default_token(r, TOKEN_NAME[i]) : NULL;
        text = own != NULL ? rw_str_from(own) : text;
        if (text.len > 0) {
            chat->special[chat->n_special++] = (struct rw_special){TOKEN_NAME[i], text};
        }
        if (i == 0) {
            chat->bos_token = text;
        } else if (i == 1) {
            chat->eos_token = text;
        }
    }
}

/* Older folders keep them in a file of their own, which then wins; one that lists
 * added_tokens_decoder is not asked for it. */
static rw_status read_tokens(struct reading *r)
{
    const struct rw_json *map = NULL;
    rw_status status = RW_OK;
    take_tokens(r, r->root);
    if (rw_json_get(r->root, "added_tokens_decoder") == NULL) {
        status = read_json(r, "special_tokens_map.json", &map);
        take_tokens(r, map);
    }
    if (status == RW_OK) {
        keep_tokens(r);
    }
    return status;
}

/* ---- templates ------------------------------------------------------------------------------- */

/* By its name: "default", and the one that transformers takes when tools are given. */
static void take_template(struct reading *r, struct rw_str name, struct rw_str text)
{
    if (rw_str_is(name, "default")) {
        r->chat->template_text = text;
        r->has_default = true;
    } else if (rw_str_is(name, "tool_use")) {
        r->chat->tool_template_text = text;
    }
}

/* A string, a list of {name, template}, or an object name: template. */
static void take_config_templates(struct reading *r, const struct rw_json *value)
{
    bool list = value != NULL && value->type == RW_JSON_ARRAY;
    bool object = value != NULL && value->type == RW_JSON_OBJECT;
    if (value != NULL && value->type == RW_JSON_STRING) {
        take_template(r, RW_STR("default"), value->text);
    } else if (list || object) {
        RW_JSON_EACH (item, value) {
            const struct rw_json *name = rw_json_get(item, "name");
            const struct rw_json *text = list ? rw_json_get(item, "template") : item;
            bool named = object || (name != NULL && name->type == RW_JSON_STRING);
            if (named && text != NULL && text->type == RW_JSON_STRING) {
                take_template(r, object ? item->key : name->text, text->text);
            }
        }
        if (!r->has_default) {
            r->chat->missing = "the list of templates in tokenizer_config.json has no \"default\"";
        }
    }
}

/* Whether there is any NAME.jinja in additional_chat_templates. */
static bool has_additional(const struct reading *r)
{
    char path[PATH_BYTES_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/additional_chat_templates", r->files->dir) >=
        sizeof path) {
        return false;
    }
    DIR *folder = opendir(path);
    bool found = false;
    const struct dirent *entry;
    for (size_t i = 0; folder != NULL && !found && i < TEMPLATES_MAX; i++) {
        entry = readdir(folder);
        if (entry == NULL) {
            break;
        }
        found = rw_str_ends(rw_str_from(entry->d_name), RW_STR(".jinja"));
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

/* Files take the place of whatever tokenizer_config.json holds, all of it. */
static rw_status read_templates(struct reading *r)
{
    static const struct {
        const char *file;
        const char *name;
    } FILES[] = {{"chat_template.jinja", "default"},
                 {"additional_chat_templates/default.jinja", "default"},
                 {"additional_chat_templates/tool_use.jinja", "tool_use"}};
    struct rw_str text[RW_COUNT(FILES)];
    bool there[RW_COUNT(FILES)], any = has_additional(r);
    rw_status status = RW_OK;
    for (size_t i = 0; i < RW_COUNT(FILES) && status == RW_OK; i++) {
        status = read_file(r, FILES[i].file, TEMPLATE_BYTES_MAX, &text[i], &there[i]);
    }
    if (status != RW_OK || (!there[0] && !any)) {
        take_config_templates(r, rw_json_get(r->root, "chat_template"));
        return status;
    }
    for (size_t i = 0; i < RW_COUNT(FILES); i++) {
        if (there[i]) {
            take_template(r, rw_str_from(FILES[i].name), text[i]);
        }
    }
    if (status == RW_OK && any && !r->has_default) {
        r->chat->missing = "of its additional_chat_templates none is the default";
    }
    return status;
}

rw_status rw_chat_files_read(const struct rw_chat_files *files, struct rw_chat *chat,
                             struct rw_error *err)
{
    struct reading r = {.files = files, .chat = chat, .err = err};
    rw_status status = read_json(&r, "tokenizer_config.json", &r.root);
    if (status == RW_OK && r.root == NULL) {
        chat->missing = "tokenizer_config.json is missing";
    }
    if (status == RW_OK) {
        status = read_tokens(&r);
    }
    if (status == RW_OK) {
        status = read_templates(&r);
    }
    if (status == RW_OK && r.has_default && chat->template_text.len == 0) {
        chat->missing = "its template is empty";
    }
    return status;
}
