#include "cuda/driver.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum {
    RESULT_OUT_OF_MEMORY = 2,
    RESULT_NO_DEVICE = 100,
    RESULT_CAPTURE_FIRST = 900,
    RESULT_CAPTURE_LAST = 907,
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
    pid_t process;
    gvd_error error;
} driver = {.once = PTHREAD_ONCE_INIT};

static bool load_library(const char *library, const symbol *symbols,
                         size_t count)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        bool cuda = symbols == cuda_symbols;
        gvd_fail(&driver.error, cuda ? GVD_ERR_NOT_FOUND : GVD_ERR_UNSUPPORTED,
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
    driver.process = getpid();
    if (!driver.loaded)
        gvd_fail(&driver.error,
                 (int)result == RESULT_NO_DEVICE ? GVD_ERR_NOT_FOUND
                                                 : GVD_ERR_UNSUPPORTED,
                 "the NVIDIA driver does not start (cuInit: error %d)",
                 (int)result);
}

const gvd_driver *gvd_driver_get(gvd_error *err)
{
    pthread_once(&driver.once, load_driver);
    if (gvd_driver_is_inherited()) {
        gvd_fail(err, GVD_ERR_UNSUPPORTED,
                 "CUDA does not survive a fork: start this process by spawn, "
                 "or use device=\"cpu\" in it");
        return NULL;
    }
    if (driver.loaded)
        return &driver.table;
    if (err)
        *err = driver.error;
    return NULL;
}

bool gvd_driver_is_inherited(void)
{
    return driver.loaded && driver.process != getpid();
}

#if defined(GVD_DRIVER_FAULTS)
#include <stdatomic.h>

// The call that fails, counted down: for tests/test_driver_faults.py.
__attribute__((visibility("default"))) atomic_int gvd_driver_fault_in;

bool gvd_driver_fault(void)
{
    return atomic_load(&gvd_driver_fault_in) > 0 &&
           atomic_fetch_sub(&gvd_driver_fault_in, 1) == 1;
}
#endif

int gvd_driver_check(CUresult result, const char *call, gvd_error *err)
{
    if (result == CUDA_SUCCESS)
        return GVD_OK;
    int number = (int)result, code = GVD_ERR_DRIVER;
    if (number == RESULT_OUT_OF_MEMORY)
        code = GVD_ERR_NO_MEMORY;
    else if (number >= RESULT_CAPTURE_FIRST && number <= RESULT_CAPTURE_LAST)
        code = GVD_ERR_UNSUPPORTED;
    const char *text = NULL;
    if (driver.table.cuGetErrorString)
        driver.table.cuGetErrorString(result, &text);
    size_t name = strcspn(call, "(");
    while (name > 0 && call[name - 1] != '>')
        name--;
    call += name;
    return gvd_fail(err, code, "%.*s: %s (%d)", (int)strcspn(call, "("), call,
                    text ? text : "unknown error", (int)result);
}
