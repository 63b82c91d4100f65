#include "core/model/folder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/str.h"
#include "core/base/util.h"
#include "core/io/json.h"

enum {
    PATH_MAX_BYTES = 4096,
    ENTRIES_MAX = 10000, /* of a folder that are looked at */
    NAME_MAX_BYTES = 256,
    SMALL_BYTES_MAX = 1 << 20, /* refs/main, adapter_config.json */
};

/* What lies in a folder, from the names alone. */
struct contents {
    size_t entries;
    bool config;
    bool adapter;
    bool weights; /* something we read */
    bool snapshots;
    bool zero;                   /* DeepSpeed */
    char gguf[NAME_MAX_BYTES];   /* "" when there is none, as the following */
    char shards[NAME_MAX_BYTES]; /* a rank's part, as verl writes them with FSDP */
    char parts[NAME_MAX_BYTES];  /* torch's distributed checkpoints: accelerate with FSDP */
    char megatron[NAME_MAX_BYTES];
    char numbered[NAME_MAX_BYTES];   /* a shard; its index is missing when nothing else is there */
    char actor[NAME_MAX_BYTES];      /* a folder with parts of ranks */
    char other[NAME_MAX_BYTES];      /* weights in a format nobody here reads */
    char cached[NAME_MAX_BYTES];     /* models--org--name */
    char checkpoint[NAME_MAX_BYTES]; /* the last checkpoint-N */
    unsigned long long checkpoint_step; /* its N */
    char inner[NAME_MAX_BYTES];         /* a folder that holds a config.json */
};

static bool make_path(char out[PATH_MAX_BYTES], const char *dir, const char *name)
{
    return (size_t)snprintf(out, PATH_MAX_BYTES, "%s/%s", dir, name) < PATH_MAX_BYTES;
}

static bool has_file(const char *dir, const char *name)
{
    char path[PATH_MAX_BYTES];
    return make_path(path, dir, name) && rw_file_exists(path);
}

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* ---- the local cache of Hugging Face --------------------------------------------------------- */

/* "org/name", as the hub allows them. */
static bool is_hub_id(const char *text)
{
    size_t slashes = 0, len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        bool plain = isalnum((unsigned char)text[i]) || strchr("-_.", text[i]) != NULL;
        slashes += text[i] == '/';
        if (!plain && text[i] != '/') {
            return false;
        }
    }
    return slashes == 1 && len >= 3 && len <= 96 && text[0] != '/' && text[0] != '.' &&
           text[len - 1] != '/';
}

static bool cache_root(char out[PATH_MAX_BYTES])
{
    static const struct {
        const char *variable;
        const char *below;
    } PLACES[] = {{"HF_HUB_CACHE", ""},
                  {"HUGGINGFACE_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    for (size_t i = 0; i < RW_COUNT(PLACES); i++) {
        const char *value = getenv(PLACES[i].variable);
        if (value != NULL && value[0] != '\0') {
            return (size_t)snprintf(out, PATH_MAX_BYTES, "%s%s", value, PLACES[i].below) <
                   PATH_MAX_BYTES;
        }
    }
    return false;
}

static bool read_small(const char *path, struct rw_arena *arena, struct rw_str *text)
{
    return rw_file_exists(path) &&
           rw_file_read_all(path, SMALL_BYTES_MAX, arena, text, NULL) == RW_OK;
}

/* Of a folder models--org--name: the snapshot that refs/main names. */
static bool find_snapshot(const char *cached, struct rw_arena *arena, char out[PATH_MAX_BYTES])
{
    char path[PATH_MAX_BYTES];
    struct rw_str hash;
    if (!make_path(path, cached, "refs/main") || !read_small(path, arena, &hash)) {
        return false;
    }
    hash = rw_str_trim(hash);
    for (size_t i = 0; i < hash.len; i++) {
        if (!isalnum((unsigned char)hash.ptr[i])) {
            return false;
        }
    }
    int n = snprintf(out, PATH_MAX_BYTES, "%s/snapshots/%.*s", cached, RW_STR_ARG(hash));
    return hash.len > 0 && n > 0 && n < PATH_MAX_BYTES && is_folder(out);
}

static bool find_cached(const char *id, struct rw_arena *arena, char out[PATH_MAX_BYTES])
{
    char root[PATH_MAX_BYTES], cached[PATH_MAX_BYTES];
    const char *slash = strchr(id, '/');
    return cache_root(root) &&
           (size_t)snprintf(cached, sizeof cached, "%.3800s/models--%.*s--%s", root,
                            (int)(slash - id), id, slash + 1) < sizeof cached &&
           find_snapshot(cached, arena, out);
}

rw_status rw_folder_resolve(const char *named, struct rw_arena *arena, const char **dir,
                            struct rw_error *err)
{
    char path[PATH_MAX_BYTES];
    struct stat about;
    const char *id = strncmp(named, "hf://", 5) == 0 ? named + 5 : named;
    *dir = named;
    if (stat(named, &about) == 0 || rw_file_exists(named) || has_file(named, "config.json")) {
        return RW_OK; /* the last asks the reader of files, which a benchmark replaces */
    }
    if (!is_hub_id(id)) {
        return rw_fail(err, RW_NOT_FOUND, "there is no folder %s", named);
    }
    if (find_cached(id, arena, path)) {
        struct rw_str copy = rw_arena_copy(arena, rw_str_from(path));
        *dir = copy.ptr;
        return copy.ptr != NULL ? RW_OK : rw_fail_memory(err, "a path");
    }
    rw_fail(err, RW_NOT_FOUND, "there is no folder %s, and the local cache has no such model", id);
    rw_error_hint(err,
                  "rewardd downloads nothing. If it is a model of the Hugging Face hub: hf "
                  "download %s --local-dir %s && rewardd --model %s",
                  id, strchr(id, '/') + 1, strchr(id, '/') + 1);
    return RW_NOT_FOUND;
}

/* ---- what is wrong with a folder ------------------------------------------------------------- */

static void keep(char to[NAME_MAX_BYTES], const char *name)
{
    if (to[0] == '\0' || strcmp(name, to) < 0) { /* the same one whatever the order of the disk */
        snprintf(to, NAME_MAX_BYTES, "%s", name);
    }
}

static bool ends(const char *name, const char *end)
{
    return rw_str_ends(rw_str_from(name), rw_str_from(end));
}

static bool has_rank_parts(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool found = false;
    for (size_t i = 0; folder != NULL && !found && i < ENTRIES_MAX; i++) {
        entry = readdir(folder);
        if (entry == NULL) {
            break;
        }
        found = strstr(entry->d_name, "_world_size_") != NULL && ends(entry->d_name, ".pt");
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

static void note_folder(struct contents *c, const char *dir, const char *name)
{
    char path[PATH_MAX_BYTES];
    unsigned long long step;
    if (!make_path(path, dir, name) || !is_folder(path)) {
        return;
    }
    bool loads = has_file(path, "config.json") || has_file(path, "adapter_config.json");
    if (strncmp(name, "models--", 8) == 0) {
        keep(c->cached, name);
    } else if (strncmp(name, "checkpoint-", 11) == 0 && loads &&
               rw_str_to_u64(rw_str_from(name + 11), &step)) {
        if (c->checkpoint[0] == '\0' || step > c->checkpoint_step) {
            snprintf(c->checkpoint, sizeof c->checkpoint, "%s", name);
            c->checkpoint_step = step;
        }
    } else if (loads) {
        keep(c->inner, name);
    } else if (strncmp(name, "pytorch_model_fsdp", 18) == 0) {
        keep(c->parts, name);
    } else if (strncmp(name, "iter_", 5) == 0) {
        keep(c->megatron, name);
    } else if (has_rank_parts(path)) {
        keep(c->actor, name);
    }
    c->snapshots = c->snapshots || strcmp(name, "snapshots") == 0;
    c->zero = c->zero || strncmp(name, "global_step", 11) == 0;
}

static void note_file(struct contents *c, const char *name)
{
    c->config = c->config || strcmp(name, "config.json") == 0;
    c->adapter = c->adapter || strcmp(name, "adapter_config.json") == 0;
    c->weights = c->weights || strcmp(name, "model.safetensors") == 0 ||
                 strcmp(name, "model.safetensors.index.json") == 0 ||
                 strcmp(name, "pytorch_model.bin") == 0 ||
                 strcmp(name, "pytorch_model.bin.index.json") == 0;
    c->zero = c->zero || strcmp(name, "zero_to_fp32.py") == 0 ||
              strstr(name, "zero_pp_rank_") != NULL || strncmp(name, "mp_rank_", 8) == 0;
    if (ends(name, ".gguf")) {
        keep(c->gguf, name);
    } else if (strstr(name, "_world_size_") != NULL && ends(name, ".pt")) {
        keep(c->shards, name);
    } else if (ends(name, ".distcp")) {
        keep(c->parts, name);
    } else if (strcmp(name, "latest_checkpointed_iteration.txt") == 0) {
        keep(c->megatron, name);
    } else if (strstr(name, "-of-0") != NULL &&
               (ends(name, ".safetensors") || ends(name, ".bin"))) {
        keep(c->numbered, name);
    } else if (ends(name, ".npz") || ends(name, ".pth") || ends(name, ".pt") ||
               ends(name, ".msgpack") || ends(name, ".h5") || ends(name, ".onnx") ||
               ends(name, ".safetensors") || ends(name, ".bin")) {
        keep(c->other, name);
    }
}

static bool look(const char *dir, struct contents *c)
{
    DIR *folder = opendir(dir);
    if (folder == NULL) {
        return false;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL && c->entries < ENTRIES_MAX) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        c->entries++;
        note_file(c, entry->d_name);
        note_folder(c, dir, entry->d_name);
    }
    closedir(folder);
    return true;
}

/* A file that git wrote in place of the real one. */
static bool find_pointer(const char *dir, char out[NAME_MAX_BYTES])
{
    static const char MARK[] = "version https://git-lfs";
    DIR *folder = opendir(dir);
    const struct dirent *entry;
    size_t seen = 0;
    out[0] = '\0';
    while (folder != NULL && (entry = readdir(folder)) != NULL && seen++ < ENTRIES_MAX) {
        char path[PATH_MAX_BYTES], head[sizeof MARK] = "";
        struct rw_file file;
        struct stat about;
        if (!make_path(path, dir, entry->d_name) || stat(path, &about) != 0 ||
            !S_ISREG(about.st_mode) || about.st_size < (long)sizeof MARK || about.st_size > 1024 ||
            rw_file_open(path, &file, NULL) != RW_OK) {
            continue;
        }
        if (rw_file_read(&file, 0, head, sizeof MARK - 1, NULL) == RW_OK &&
            strcmp(head, MARK) == 0) {
            keep(out, entry->d_name);
        }
        rw_file_close(&file);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return out[0] != '\0';
}

static rw_status say(struct rw_error *err, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static rw_status say(struct rw_error *err, const char *hint, const char *format, ...)
{
    char message[RW_ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    rw_fail(err, RW_NOT_FOUND, "%s", message);
    rw_error_hint(err, "%s", hint);
    return RW_NOT_FOUND;
}

static const char GGUF_CURE[] = "rewardd reads the original Hugging Face folder (safetensors); a "
                                "smaller copy in memory: dtype=int8 or dtype=q4";

static rw_status diagnose_file(const char *path, struct rw_error *err)
{
    char hint[RW_ERROR_HINT_MAX];
    const char *slash = strrchr(path, '/');
    if (ends(path, ".gguf")) {
        return say(err, GGUF_CURE, "%s is a GGUF file", path);
    }
    snprintf(hint, sizeof hint, "give the folder it lies in: --model %.*s",
             slash == NULL ? 1 : (int)RW_MIN(slash - path, 300), slash == NULL ? "." : path);
    return say(err, hint, "%s is a file, a model is a folder", path);
}

/* What the adapter was trained on, as its author named it. */
static void base_name_of(const char *dir, char out[NAME_MAX_BYTES])
{
    char path[PATH_MAX_BYTES];
    struct rw_arena arena;
    struct rw_str text;
    const struct rw_json *root = NULL;
    rw_arena_init(&arena, 16 * SMALL_BYTES_MAX);
    snprintf(out, NAME_MAX_BYTES, "its base model");
    if (make_path(path, dir, "adapter_config.json") && read_small(path, &arena, &text) &&
        rw_json_parse(&arena, text, &root, NULL) == RW_OK) {
        const struct rw_json *base = rw_json_get(root, "base_model_name_or_path");
        if (base != NULL && base->type == RW_JSON_STRING && base->text.len > 0) {
            snprintf(out, NAME_MAX_BYTES, "%.*s", (int)RW_MIN(base->text.len, 160u),
                     base->text.ptr);
        }
    }
    rw_arena_fini(&arena);
}

/* Weights that somebody has to convert; RW_OK when none are there. */
static rw_status diagnose_weights(const char *dir, const struct contents *c, struct rw_error *err)
{
    char hint[RW_ERROR_HINT_MAX];
    char base[NAME_MAX_BYTES];
    if (c->adapter) {
        base_name_of(dir, base);
        snprintf(hint, sizeof hint, "name the folder of the base: --model %.120s,base=DIR", dir);
        return say(err, hint, "%s is a LoRA adapter without its base (%s)", dir, base);
    }
    if (c->shards[0] != '\0') {
        snprintf(hint, sizeof hint,
                 "merge them: python -m verl.model_merger merge --backend fsdp --local_dir %.90s "
                 "--target_dir merged",
                 dir);
        return say(err, hint, "%s holds FSDP shards (%.100s), not a model", dir, c->shards);
    }
    if (c->actor[0] != '\0' && !c->config) {
        snprintf(hint, sizeof hint,
                 "merge them: python -m verl.model_merger merge --backend fsdp --local_dir "
                 "%.90s/%.60s --target_dir merged",
                 dir, c->actor);
        return say(err, hint, "%s holds FSDP shards in %.100s, not a model", dir, c->actor);
    }
    if (c->parts[0] != '\0') {
        bool folder = !ends(c->parts, ".distcp");
        snprintf(hint, sizeof hint,
                 "merge them: accelerate merge-weights %.120s%s%.60s merged, then copy config.json "
                 "and the tokenizer",
                 dir, folder ? "/" : "", folder ? c->parts : "");
        return say(err, hint, "%s holds FSDP shards (%.100s), not a model", dir, c->parts);
    }
    if (c->megatron[0] != '\0') {
        return say(err, "convert it to a Hugging Face folder with the tool of its trainer",
                   "%s is a Megatron checkpoint (%.100s), not a model", dir, c->megatron);
    }
    if (c->zero && !has_file(dir, "zero_to_fp32.py")) {
        return say(err,
                   "its parent folder has zero_to_fp32.py: python zero_to_fp32.py . merged "
                   "--safe_serialization, there",
                   "%s is a part of a DeepSpeed ZeRO checkpoint, not a model", dir);
    }
    if (c->zero) {
        snprintf(hint, sizeof hint,
                 "merge it: python %.90s/zero_to_fp32.py %.90s merged --safe_serialization, then "
                 "copy config.json and the tokenizer",
                 dir, dir);
        return say(err, hint, "%s is a DeepSpeed ZeRO checkpoint, not a model", dir);
    }
    if (c->gguf[0] != '\0') {
        return say(err, GGUF_CURE, "%s holds GGUF files (%.100s)", dir, c->gguf);
    }
    return RW_OK;
}

static rw_status diagnose_folder(const char *dir, const struct contents *c, struct rw_error *err)
{
    char hint[RW_ERROR_HINT_MAX], path[PATH_MAX_BYTES];
    struct rw_arena arena;
    if (c->entries == 0) {
        return say(err, "", "%s is empty", dir);
    }
    rw_status status = diagnose_weights(dir, c, err);
    if (status != RW_OK) {
        return status;
    }
    if (c->checkpoint[0] != '\0') {
        snprintf(hint, sizeof hint, "the last one: --model %.200s/%.100s", dir, c->checkpoint);
        return say(err, hint, "%s holds checkpoints of a training, no model itself", dir);
    }
    if (c->snapshots) {
        rw_arena_init(&arena, SMALL_BYTES_MAX * 2);
        bool found = find_snapshot(dir, &arena, path);
        rw_arena_fini(&arena);
        snprintf(hint, sizeof hint, "%s%.340s", found ? "--model " : "its snapshots lie in ",
                 found ? path : dir);
        return say(err, hint, "%s is an entry of the Hugging Face cache", dir);
    }
    if (c->cached[0] != '\0') {
        const char *org = c->cached + 8, *dashes = strstr(org, "--");
        snprintf(hint, sizeof hint, "name one model, by its id: --model %.*s/%.100s",
                 dashes != NULL ? (int)RW_MIN(dashes - org, 100) : 0, org,
                 dashes != NULL ? dashes + 2 : org);
        return say(err, hint, "%s is the Hugging Face cache of many models", dir);
    }
    if (c->inner[0] != '\0') {
        snprintf(hint, sizeof hint, "--model %.200s/%.100s", dir, c->inner);
        return say(err, hint, "%s has no config.json, but its folder %.100s has", dir, c->inner);
    }
    return say(err, "a model is a folder with config.json, a tokenizer and weights",
               "%s has no config.json", dir);
}

rw_status rw_folder_diagnose(const char *dir, rw_status status, struct rw_error *err)
{
    struct contents c = {0};
    char pointer[NAME_MAX_BYTES];
    char hint[RW_ERROR_HINT_MAX];
    struct stat about;
    if (status == RW_OK || status == RW_NO_MEMORY || status == RW_LIMIT_EXCEEDED ||
        stat(dir, &about) != 0) {
        return status;
    }
    if (!S_ISDIR(about.st_mode)) {
        return diagnose_file(dir, err);
    }
    if (find_pointer(dir, pointer)) {
        snprintf(hint, sizeof hint, "fetch the files: git -C %.200s lfs pull", dir);
        return say(err, hint, "%s: %.100s is a git-lfs pointer, not the file itself", dir, pointer);
    }
    if (!look(dir, &c)) {
        return status;
    }
    if (!c.config) {
        return diagnose_folder(dir, &c, err);
    }
    if (!c.weights) {
        rw_status better = diagnose_weights(dir, &c, err);
        if (better == RW_OK && status == RW_NOT_FOUND && c.numbered[0] != '\0') {
            return say(err, "fetch the whole folder: hf download ID --local-dir DIR",
                       "%s holds shards (%.100s) without their index", dir, c.numbered);
        }
        if (better == RW_OK && status == RW_NOT_FOUND && c.other[0] != '\0') {
            return say(err,
                       "convert it in Python: from_pretrained(...).save_pretrained('out', "
                       "safe_serialization=True)",
                       "%s has neither model.safetensors nor pytorch_model.bin, only %.100s", dir,
                       c.other);
        }
        return better == RW_OK ? status : better;
    }
    return status;
}
