// Inputs and errands: what waits can be left, and is let go of once.
#include "input.h"

#include <pthread.h>
#include <stdlib.h>

#include "errand.h"
#include "harness.h"
#include "thread.h"

enum {
    BYTES = 100000,
};

// A caller's function, with what it was asked.
typedef struct caller {
    atomic_bool held; // read() waits while it is
    atomic_int reads, releases;
    int fail_at; // this read, or 0
    int most;    // bytes at a time
} caller;

static uint8_t byte_at(int64_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8));
}

static int read_some(void *owner, int64_t offset, uint8_t *buffer, int size,
                     gvd_error *err)
{
    caller *c = owner;
    int number = atomic_fetch_add(&c->reads, 1) + 1;
    while (atomic_load(&c->held))
        usleep(200);
    if (number == c->fail_at)
        return gvd_fail(err, GVD_ERR_CALLER, "read %d failed", number);
    int64_t left = BYTES - offset;
    int n = left < size ? (int)left : size;
    n = n < c->most ? n : c->most;
    n = n > 0 ? n : 0;
    for (int i = 0; i < n; i++)
        buffer[i] = byte_at(offset + i);
    return n;
}

static void release(void *owner)
{
    atomic_fetch_add(&((caller *)owner)->releases, 1);
}

static gvd_input *create(caller *c, int most)
{
    *c = (caller){.most = most};
    const gvd_input_params params = {
        .size = BYTES, .read = read_some, .owner = c, .release = release};
    gvd_input *input = NULL;
    gvd_error err;
    REQUIRE(gvd_input_create(&params, &input, &err) == GVD_OK && input);
    return input;
}

static void await(atomic_int *count, int value)
{
    while (atomic_load(count) != value)
        usleep(100);
}

typedef struct reading {
    gvd_input *input;
    uint64_t seed;
} reading;

static void *read_at_random(void *argument)
{
    reading *r = argument;
    uint64_t state = r->seed;
    gvd_limit limit;
    gvd_limit_init(&limit, 0, NULL, NULL);
    for (int i = 0; i < 200; i++) {
        uint8_t buffer[4096];
        int64_t offset = (int64_t)(draw(&state) % (BYTES + 10));
        gvd_error err;
        int n = gvd_input_read(r->input, offset, buffer, sizeof buffer, &limit,
                               &err);
        REQUIRE(n >= 0 && (n > 0 || offset >= BYTES));
        for (int j = 0; j < n; j++)
            REQUIRE(buffer[j] == byte_at(offset + j));
    }
    return NULL;
}

static void test_several_sources_read_one_input(void)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        test_begin("several sources", seed, 30);
        caller c;
        gvd_input *input = create(&c, seed % 2 ? 1000 : 1 << 20);
        pthread_t threads[4];
        reading readings[4];
        for (int i = 0; i < 4; i++) {
            readings[i] =
                (reading){gvd_input_ref(input), seed * 4 + (unsigned)i};
            REQUIRE(!pthread_create(&threads[i], NULL, read_at_random,
                                    &readings[i]));
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            gvd_input_unref(&readings[i].input);
        }
        REQUIRE(atomic_load(&c.releases) == 0);
        gvd_input_unref(&input);
        await(&c.releases, 1);
    }
}

static void test_memory(void)
{
    test_begin("memory", 0, 10);
    caller c = {.most = 0};
    uint8_t bytes[100], buffer[60];
    for (int i = 0; i < 100; i++)
        bytes[i] = byte_at(i);
    const gvd_input_params params = {
        .data = bytes, .size = 100, .owner = &c, .release = release};
    gvd_input *input = NULL;
    gvd_limit limit;
    gvd_limit_init(&limit, 0, NULL, NULL);
    REQUIRE(gvd_input_create(&params, &input, NULL) == GVD_OK);
    REQUIRE(gvd_input_is_memory(input) && gvd_input_size(input) == 100);
    REQUIRE(gvd_input_read(input, 50, buffer, 60, &limit, NULL) == 50);
    REQUIRE(!memcmp(buffer, bytes + 50, 50));
    REQUIRE(gvd_input_read(input, 100, buffer, 60, &limit, NULL) == 0);
    REQUIRE(gvd_input_read(input, INT64_MAX, buffer, 60, &limit, NULL) == 0);
    gvd_input_unref(&input);
    REQUIRE(!input && atomic_load(&c.releases) == 1);
}

static void test_an_error_is_the_functions_own(void)
{
    test_begin("error of the function", 0, 10);
    caller c;
    uint8_t buffer[10];
    gvd_error err;
    gvd_limit limit;
    gvd_limit_init(&limit, 0, NULL, NULL);
    gvd_input *input = create(&c, 10);
    c.fail_at = 2;
    REQUIRE(gvd_input_read(input, 0, buffer, 10, &limit, &err) == 10);
    REQUIRE(gvd_input_read(input, 10, buffer, 10, &limit, &err) ==
            GVD_ERR_CALLER);
    REQUIRE(strstr(err.text, "read 2 failed"));
    REQUIRE(gvd_input_read(input, 10, buffer, 10, &limit, &err) == 10);
    gvd_input_unref(&input);
    await(&c.releases, 1);
}

// The reader leaves at its limit; what the function gives later is nobody's.
static void test_a_read_that_waits_can_be_left(void)
{
    test_begin("left", 0, 20);
    caller c;
    uint8_t buffer[10];
    gvd_error err;
    gvd_limit limit;
    gvd_input *input = create(&c, 10);
    atomic_bool stopped = false;
    atomic_store(&c.held, true);
    gvd_limit_init(&limit, 0.05, NULL, &stopped);
    REQUIRE(gvd_input_read(input, 70, buffer, 10, &limit, &err) ==
            GVD_ERR_TIMEOUT);
    gvd_limit_begin(&limit); // the next one waits for the function too
    REQUIRE(gvd_input_read(input, 80, buffer, 10, &limit, &err) ==
            GVD_ERR_TIMEOUT);
    gvd_limit_begin(&limit);
    atomic_store(&stopped, true);
    REQUIRE(gvd_input_read(input, 80, buffer, 10, &limit, &err) ==
            GVD_ERR_CLOSED);
    REQUIRE(atomic_load(&c.reads) == 1);
    atomic_store(&c.held, false);
    gvd_limit_init(&limit, 0, NULL, NULL);
    REQUIRE(gvd_input_read(input, 80, buffer, 10, &limit, &err) == 10);
    REQUIRE(buffer[0] == byte_at(80));
    atomic_store(&c.held, true);
    gvd_limit_init(&limit, 0.05, NULL, NULL);
    REQUIRE(gvd_input_read(input, 90, buffer, 10, &limit, &err) ==
            GVD_ERR_TIMEOUT);
    gvd_input_unref(&input);
    usleep(1000);
    REQUIRE(atomic_load(&c.releases) == 0); // it is in use still
    atomic_store(&c.held, false);
    await(&c.releases, 1);
}

// --- errands ---

static int run_errand(void *context, gvd_error *err)
{
    caller *c = context;
    while (atomic_load(&c->held))
        usleep(200);
    return c->fail_at ? gvd_fail(err, GVD_ERR_OPEN, "it failed") : GVD_EOF;
}

static gvd_errand *start(caller *c)
{
    const gvd_errand_params params = {run_errand, c, release};
    gvd_errand *errand = NULL;
    REQUIRE(gvd_errand_start(&params, &errand, NULL) == GVD_OK && errand);
    return errand;
}

static void test_an_errand_tells_what_came_of_it(void)
{
    for (int fails = 0; fails < 2; fails++) {
        test_begin("errand", (uint64_t)fails, 10);
        caller c = {.fail_at = fails};
        gvd_error err;
        atomic_store(&c.held, true);
        gvd_errand *errand = start(&c);
        int rc = GVD_AGAIN;
        REQUIRE(!gvd_errand_wait(errand, 5, &rc, &err));
        atomic_store(&c.held, false);
        REQUIRE(gvd_errand_wait(errand, -1, &rc, &err));
        REQUIRE(rc == (fails ? GVD_ERR_OPEN : GVD_EOF));
        REQUIRE(!fails || strstr(err.text, "it failed"));
        gvd_errand_leave(&errand);
        REQUIRE(!errand && atomic_load(&c.releases) == 0); // the caller's again
    }
}

static void test_an_errand_that_is_left_releases_its_context(void)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        test_begin("errand that is left", seed, 10);
        caller c = {.most = 0};
        atomic_store(&c.held, true);
        gvd_errand *errand = start(&c);
        gvd_errand_leave(&errand);
        REQUIRE(atomic_load(&c.releases) == 0);
        atomic_store(&c.held, false);
        await(&c.releases, 1);
    }
}

int main(void)
{
    test_memory();
    test_several_sources_read_one_input();
    test_an_error_is_the_functions_own();
    test_a_read_that_waits_can_be_left();
    test_an_errand_tells_what_came_of_it();
    test_an_errand_that_is_left_releases_its_context();
    puts("input: ok");
    return 0;
}
