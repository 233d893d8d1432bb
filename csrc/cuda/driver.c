#include "cuda/driver.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
    RESULT_OUT_OF_MEMORY = 2,
};

typedef struct symbol {
    const char *name;
    size_t offset;
} symbol;

#define SYMBOL(member, type, symbol) {symbol, offsetof(gvd_driver, member)},
static const symbol cuda_symbols[] = {GVD_CUDA_FUNCTIONS(SYMBOL)};
static const symbol nvcuvid_symbols[] = {GVD_NVCUVID_FUNCTIONS(SYMBOL)};

// Written once, under once.
static struct {
    pthread_once_t once;
    gvd_driver table;
    bool loaded;
    gvd_error error;
} driver = {.once = PTHREAD_ONCE_INIT};

static bool load_library(const char *library, const symbol *symbols,
                         size_t count)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        gvd_fail(&driver.error, GVD_ERR_UNSUPPORTED,
                 "the NVIDIA driver's %s is not there; install the driver (in "
                 "a container: with the \"video\" capability)",
                 library);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        void *function = dlsym(handle, symbols[i].name);
        if (!function) {
            gvd_fail(&driver.error, GVD_ERR_UNSUPPORTED,
                     "the NVIDIA driver's %s has no %s: it is too old", library,
                     symbols[i].name);
            return false;
        }
        memcpy((char *)&driver.table + symbols[i].offset, &function,
               sizeof function);
    }
    return true;
}

static void load_driver(void)
{
    size_t cuda = sizeof cuda_symbols / sizeof *cuda_symbols;
    size_t nvcuvid = sizeof nvcuvid_symbols / sizeof *nvcuvid_symbols;
    if (!load_library("libcuda.so.1", cuda_symbols, cuda) ||
        !load_library("libnvcuvid.so.1", nvcuvid_symbols, nvcuvid))
        return;
    CUresult result = driver.table.cuInit(0);
    driver.loaded = result == CUDA_SUCCESS;
    if (!driver.loaded)
        gvd_fail(&driver.error, GVD_ERR_UNSUPPORTED,
                 "the NVIDIA driver does not start (cuInit: error %d)",
                 (int)result);
}

const gvd_driver *gvd_driver_get(gvd_error *err)
{
    pthread_once(&driver.once, load_driver);
    if (driver.loaded)
        return &driver.table;
    if (err)
        *err = driver.error;
    return NULL;
}

int gvd_driver_check(CUresult result, const char *call, gvd_error *err)
{
    if (result == CUDA_SUCCESS)
        return GVD_OK;
    int code = (int)result == RESULT_OUT_OF_MEMORY ? GVD_ERR_NO_MEMORY
                                                   : GVD_ERR_DRIVER;
    const char *text = NULL;
    if (driver.table.cuGetErrorString)
        driver.table.cuGetErrorString(result, &text);
    const char *arrow = strstr(call, "->");
    call = arrow ? arrow + 2 : call;
    return gvd_fail(err, code, "%.*s: %s (%d)", (int)strcspn(call, "("), call,
                    text ? text : "unknown error", (int)result);
}
