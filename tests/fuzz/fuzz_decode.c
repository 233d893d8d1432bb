// A file's bytes through demuxer, decoder and conversion on the CPU: opened,
// indexed, read front to back and by number. The bytes in front of the file say
// which output is asked for.
#include "input.h"
#include "reader.h"

enum {
    PIXELS_MAX = 1 << 18, // of a frame: what is larger only takes longer
    FRAMES_MAX = 24,
    BATCH = 4,
    INDEX_MS = 5000,
};

static void keep(void *owner)
{
    (void)owner; // the bytes are libFuzzer's
}

// An input of these bytes, which must outlive it.
static gvd_input *wrap(const input *in)
{
    const gvd_input_params params = {
        .data = in->data, .size = (int64_t)in->size, .release = keep};
    gvd_input *wrapped = NULL;
    REQUIRE(gvd_input_create(&params, &wrapped, NULL) == GVD_OK);
    return wrapped;
}

static gvd_output draw_output(input *in)
{
    int bits = take_byte(in);
    gvd_output output = {
        .native = bits & 1,
        .channels = (enum gvd_channels)(bits / 2 % 3),
        .order = bits & 8 ? GVD_NHWC : GVD_NCHW,
        .dtype = (enum gvd_dtype)(take_byte(in) % (GVD_FLOAT32 + 1)),
        .rule = (enum gvd_size_rule)(bits / 16 % 4),
        .filter = (enum gvd_filter)(bits / 64),
        .height = 1 + take_byte(in) % 80,
        .width = 1 + take_byte(in) % 80,
        .antialias = true,
        .matrix = -1,
        .unit = 255,
    };
    int shape = take_byte(in);
    output.cropped = shape & 1;
    output.crop_top = shape / 2 % 8;
    output.crop_left = shape / 16;
    output.crop_height = output.crop_width = 1 + shape / 4;
    output.canvas_height = output.canvas_width = shape & 2 ? 100 : 0;
    return output;
}

// Frames or an error that says something.
static void check(int rc, const gvd_error *err)
{
    REQUIRE(rc == GVD_OK || rc == GVD_EOF || (rc < 0 && err->text[0]));
    REQUIRE(rc != GVD_ERR_INTERNAL);
}

static void read_frames(gvd_reader *reader, const gvd_pass_params *params)
{
    gvd_error err = {0};
    gvd_pass *pass = NULL;
    int rc = gvd_pass_open(reader, params, &pass, &err), frames = 0;
    while (rc == GVD_OK && frames < FRAMES_MAX) {
        gvd_batch *batch = NULL;
        rc = gvd_pass_next(pass, -1, NULL, &batch, &err);
        REQUIRE((rc == GVD_OK) == (batch != NULL));
        frames += batch ? batch->count : 0;
        gvd_batch_free(&batch);
    }
    check(rc, &err);
    gvd_pass_close(&pass);
}

static void read_by_number(gvd_reader *reader, input *in)
{
    gvd_error err = {0};
    int rc = gvd_reader_build_index(reader, INDEX_MS, &err);
    REQUIRE(rc != GVD_AGAIN);
    check(rc, &err);
    gvd_index *index = gvd_reader_index(reader);
    if (!index)
        return;
    int64_t numbers[BATCH];
    for (int i = 0; index->frame_count && i < BATCH; i++)
        numbers[i] = take_below(in, index->frame_count);
    gvd_pass_params params = {
        .batch_size = BATCH, .numbers = numbers, .count = BATCH};
    if (index->frame_count)
        read_frames(reader, &params);
    gvd_index_unref(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    gvd_reader_params params = {
        .url = "input",
        .stream_index = -1,
        .device = {.type = GVD_DEVICE_CPU},
        .output = draw_output(&in),
        .upright = true,
        .sessions = 2,
        .memory_limit = INT64_C(64) << 20,
        .max_pixels = PIXELS_MAX,
    };
    input numbers = {data, size};
    params.input = wrap(&in);
    gvd_error err = {0};
    gvd_reader *reader = NULL;
    REQUIRE(gvd_reader_create(&params, &reader, &err) == GVD_OK);
    int rc = gvd_reader_open(reader, &err);
    check(rc, &err);
    if (rc == GVD_OK) {
        read_frames(reader, &(gvd_pass_params){.batch_size = BATCH});
        read_by_number(reader, &numbers);
    }
    gvd_reader_close(&reader);
    gvd_input_unref(&params.input);
    return 0;
}
