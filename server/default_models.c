#include "server/default_models.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "server/scoring/bridge.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A package folder says what it is; anything else that lies there is none of ours. */
static bool is_model(const char *folder)
{
    char path[RW_DEFAULT_MODELS_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/rewardd.json", folder);
    return n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0;
}

static rw_status read_folder(DIR *dir, const char *parent, struct rw_arena *arena,
                             struct rw_text_list *out, struct rw_error *err)
{
    const char **item = rw_arena_array(arena, RW_SERVER_MODELS_MAX, sizeof *item);
    if (item == NULL) {
        return rw_fail_memory(err, "the list of models");
    }
    *out = (struct rw_text_list){.items = item};
    for (struct dirent *e; out->n < RW_SERVER_MODELS_MAX && (e = readdir(dir)) != NULL;) {
        char path[RW_DEFAULT_MODELS_PATH_MAX];
        int n = snprintf(path, sizeof path, "%s/%s", parent, e->d_name);
        if (e->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof path || !is_model(path)) {
            continue;
        }
        item[out->n] = rw_arena_copy(arena, rw_str_from(path)).ptr;
        if (item[out->n++] == NULL) {
            return rw_fail_memory(err, "the list of models");
        }
    }
    qsort((void *)item, out->n, sizeof *item, by_name); /* readdir has no order */
    return RW_OK;
}

rw_status rw_default_models_in(const char *parent, struct rw_arena *arena, struct rw_text_list *out,
                               struct rw_error *err)
{
    *out = (struct rw_text_list){0};
    DIR *dir = opendir(parent);
    if (dir == NULL) {
        return RW_OK;
    }
    rw_status status = read_folder(dir, parent, arena, out, err);
    closedir(dir);
    return status;
}

/* Where the program is, links followed; false when nobody knows. By the kernel's link and not by
 * argv[0], which may be a bare name that PATH found; in a root without /proc by the name it was
 * executed under. */
static bool program_path(char path[RW_DEFAULT_MODELS_PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, RW_DEFAULT_MODELS_PATH_MAX - 1);
    if (n > 0) {
        path[n] = '\0';
        return true;
    }
    const char *name = (const char *)getauxval(AT_EXECFN);
    return name != NULL && realpath(name, path) != NULL;
}

rw_status rw_default_models_add(struct rw_options *options, struct rw_error *err)
{
    char path[RW_DEFAULT_MODELS_PATH_MAX];
    if (options->model.n > 0 || !program_path(path)) {
        return RW_OK;
    }
    char *slash = strrchr(path, '/');
    static const char TAIL[] = "/../share/rewardd/models";
    if (slash == NULL || (size_t)(slash - path) + sizeof TAIL > sizeof path) {
        return RW_OK;
    }
    memcpy(slash, TAIL, sizeof TAIL);
    char folder[RW_DEFAULT_MODELS_PATH_MAX]; /* what a log line shows has no ".." */
    return realpath(path, folder) == NULL
               ? RW_OK
               : rw_default_models_in(folder, &options->arena, &options->model, err);
}
