// Batches on the GPU by its own clock, in turns with a copy that moves as many
// bytes. Everything to be timed stands in the queue before the first of it may
// begin: what the host does is not in the times.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"
#include "cpu/convert.h"
#include "cuda/launch.h"
#include "cuda/picture.h"

enum {
    // Launches of a run. Each has two events a frame, and the driver takes
    // about a thousand things before it waits.
    LAUNCHES = 8,
    BLOCKERS = 48, // copies of half a batch that keep the GPU busy before
    NOT_READY = 600,
};

// What the core does not call.
typedef struct clock_driver {
    CUresult(CUDAAPI *copy)(CUdeviceptr, CUdeviceptr, size_t, CUstream);
    CUresult(CUDAAPI *elapsed)(float *, CUevent, CUevent);
    CUresult(CUDAAPI *query)(CUevent);
} clock_driver;

typedef struct gpu_bench {
    gvd_gpu *gpu, quiet; // quiet: without the frames' events
    gvd_driver quiet_driver;
    clock_driver clock;
    CUstream stream;
    CUevent begin, end;
    gvd_frame *host, *frames[SPEED_BATCH];
    gvd_buffer *batch, *copy; // what is written, and what is copied to it
    int late; // runs whose work began before all of it stood in the queue

    const speed_case *c;
    gvd_conversion *conversion;
    size_t written, moved; // bytes of a batch: pictures; with what is read
} gpu_bench;

static void *find(const char *name)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    void *function = library ? dlsym(library, name) : NULL;
    if (!function)
        die("the driver has no %s", name);
    return function;
}

static CUresult CUDAAPI wait_not(CUstream stream, CUevent event, unsigned flags)
{
    (void)stream, (void)event, (void)flags;
    return CUDA_SUCCESS;
}

static CUresult CUDAAPI record_not(CUevent event, CUstream stream)
{
    (void)event, (void)stream;
    return CUDA_SUCCESS;
}

// NV12 of a decoder: every frame has its own memory.
static void make_frames(gpu_bench *b)
{
    uint64_t state = 2; // aligned, U first
    for (int i = 0; i < SPEED_BATCH; i++) {
        gvd_frame *host = speed_frame(i);
        b->frames[i] = device_interleaved(host, &state);
        while (b->frames[i]->planes[0].stride % GVD_CUDA_STRIDE ||
               b->frames[i]->planes[1].data > b->frames[i]->planes[2].data) {
            gvd_frame_unref(&b->frames[i]);
            b->frames[i] = device_interleaved(host, &state);
        }
        if (i == 0)
            b->host = gvd_frame_ref(host);
        gvd_frame_unref(&host);
    }
}

static void open_bench(gpu_bench *b, gvd_error *err)
{
    const size_t most =
        (size_t)SPEED_WIDTH * SPEED_HEIGHT * 3 * 2 * SPEED_BATCH;
    must(gvd_gpu_enter(0, &b->gpu, err), err);
    const gvd_driver *drv = b->gpu->drv;
    *(void **)&b->clock.copy = find("cuMemcpyDtoDAsync_v2");
    *(void **)&b->clock.elapsed = find("cuEventElapsedTime");
    *(void **)&b->clock.query = find("cuEventQuery");
    b->quiet = *b->gpu;
    b->quiet_driver = *drv;
    b->quiet_driver.cuStreamWaitEvent = wait_not;
    b->quiet_driver.cuEventRecord = record_not;
    b->quiet.drv = &b->quiet_driver;
    must(CU(err, drv->cuStreamCreate(&b->stream, CU_STREAM_NON_BLOCKING)), err);
    must(CU(err, drv->cuEventCreate(&b->begin, 0)), err);
    must(CU(err, drv->cuEventCreate(&b->end, 0)), err);
    must(gvd_buffer_get(b->gpu, most, b->stream, &b->batch, err), err);
    must(gvd_buffer_get(b->gpu, most, b->stream, &b->copy, err), err);
    make_frames(b);
}

// --- what is queued ---

typedef void queue_one(gpu_bench *b, int turn, gvd_error *err);

static void queue_copy(gpu_bench *b, int turn, gvd_error *err)
{
    const size_t bytes = b->moved / 2, places = b->batch->capacity / bytes;
    const size_t at = (size_t)turn % places * bytes;
    must(CU(err, b->clock.copy(b->batch->memory + at, b->copy->memory + at,
                               bytes, b->stream)),
         err);
}

static void launch(gpu_bench *b, gvd_gpu *gpu, gvd_error *err)
{
    const gvd_launch to = {
        .gpu = gpu,
        .stream = b->stream,
        .dst = (uint8_t *)(uintptr_t)b->batch->memory,
    };
    for (int i = 0; i < SPEED_BATCH; i++)
        gvd_cuda_picture_buffer(b->frames[i])->gpu = gpu;
    int done =
        gvd_launch_convert(&to, b->conversion, b->frames, SPEED_BATCH, err);
    must(done, err);
    if (done != SPEED_BATCH)
        die("a launch took %d of %d frames", done, SPEED_BATCH);
    for (int i = 0; i < SPEED_BATCH; i++)
        gvd_cuda_picture_buffer(b->frames[i])->gpu = b->gpu;
}

static void queue_launch(gpu_bench *b, int turn, gvd_error *err)
{
    (void)turn;
    launch(b, b->gpu, err);
}

static void queue_kernel(gpu_bench *b, int turn, gvd_error *err)
{
    (void)turn;
    launch(b, &b->quiet, err);
}

static const struct {
    const char *name;
    queue_one *queue;
    const char *note;
} subjects[] = {
    {"gvdecode cuda", queue_launch, "with two events a frame"},
    {"gvdecode cuda kernel", queue_kernel, "the kernel alone"},
    {"copy", queue_copy, "device to device, as many bytes read and written"},
};

// --- measurements ---

// Seconds for a frame.
static double time_run(gpu_bench *b, queue_one *queue, gvd_error *err)
{
    const gvd_driver *drv = b->gpu->drv;
    const size_t half = b->batch->capacity / 2;
    float ms = 0;
    for (int i = 0; i < BLOCKERS; i++)
        must(CU(err, b->clock.copy(b->copy->memory, b->copy->memory + half,
                                   half, b->stream)),
             err);
    must(CU(err, drv->cuEventRecord(b->begin, b->stream)), err);
    for (int i = 0; i < LAUNCHES; i++)
        queue(b, i, err);
    must(CU(err, drv->cuEventRecord(b->end, b->stream)), err);
    b->late += (int)b->clock.query(b->begin) != NOT_READY;
    must(CU(err, drv->cuStreamSynchronize(b->stream)), err);
    must(CU(err, b->clock.elapsed(&ms, b->begin, b->end)), err);
    return (double)ms * 1e-3 / (LAUNCHES * SPEED_BATCH);
}

// The first frame's picture against the CPU's.
static void check(gpu_bench *b, gvd_error *err)
{
    const gvd_driver *drv = b->gpu->drv;
    const size_t bytes = b->written / SPEED_BATCH;
    uint8_t *cpu = allocate(bytes), *gpu = allocate(bytes);
    must(gvd_cpu_convert(b->conversion, b->host, cpu, err), err);
    launch(b, b->gpu, err);
    must(CU(err,
            drv->cuMemcpyDtoHAsync(gpu, b->batch->memory, bytes, b->stream)),
         err);
    must(CU(err, drv->cuStreamSynchronize(b->stream)), err);
    if (memcmp(cpu, gpu, bytes) != 0)
        die("%s: the GPU's bytes are not the CPU's", b->c->name);
    free(cpu);
    free(gpu);
}

static void run_speed_case(gpu_bench *b, const speed_case *c, gvd_error *err)
{
    static double seconds[LENGTH(subjects)][SPEED_RUNS];
    const gvd_output output = speed_output(c);
    b->c = c;
    must(gvd_conversion_create(&output, GVD_UPRIGHT, b->frames[0],
                               &b->conversion, err),
         err);
    b->written = (size_t)gvd_conversion_bytes(b->conversion) * SPEED_BATCH;
    b->moved = b->written + (size_t)gvd_frame_bytes(b->host) * SPEED_BATCH;
    check(b, err);
    int late[LENGTH(subjects)] = {0};
    for (int turn = -3; turn < SPEED_RUNS; turn++)
        for (int i = 0; i < LENGTH(subjects); i++) {
            b->late = 0;
            double time = time_run(b, subjects[i].queue, err);
            if (turn >= 0) {
                seconds[i][turn] = time;
                late[i] += b->late;
            }
        }
    for (int i = 0; i < LENGTH(subjects); i++) {
        char note[160];
        snprintf(note, sizeof note, "%s", subjects[i].note);
        if (late[i])
            snprintf(note, sizeof note, "%s; the host was late in %d runs",
                     subjects[i].note, late[i]);
        print_speed(c->name, subjects[i].name, (int64_t)b->moved / SPEED_BATCH,
                    seconds[i], SPEED_RUNS, note);
    }
    gvd_conversion_unref(&b->conversion);
}

void speed_gpu(void)
{
    gvd_error err = {0};
    gpu_bench b = {.late = 0};
    open_bench(&b, &err);
    for (int i = 0; i < speed_case_count; i++)
        run_speed_case(&b, &speed_cases[i], &err);
    gvd_gpu_pop(b.gpu);
}
