// Work from above on the scheduler's workers: each task is run once, whatever
// the decoders are doing, or cancelled when nobody is left to run it.
#include "drive.h"

static const gop_style closed_gops = {.gops = 10, .max_length = 8, .max_b = 3};

typedef struct task_tally {
    atomic_int run, cancelled;
} task_tally;

typedef struct counted_task {
    gvd_task task; // the first member
    task_tally *tally;
    atomic_int calls;
} counted_task;

static void run_counted(gvd_task *task, bool cancelled)
{
    counted_task *t = (counted_task *)task;
    REQUIRE(atomic_fetch_add(&t->calls, 1) == 0);
    atomic_fetch_add(cancelled ? &t->tally->cancelled : &t->tally->run, 1);
}

enum {
    TASKS = 200
};

static counted_task *make_tasks(task_tally *tally)
{
    counted_task *tasks = calloc(TASKS, sizeof *tasks);
    REQUIRE(tasks);
    for (int i = 0; i < TASKS; i++) {
        tasks[i].task.run = run_counted;
        tasks[i].tally = tally;
    }
    return tasks;
}

static void wait_for(const atomic_int *count, int wanted)
{
    while (atomic_load(count) < wanted) // the alarm ends it
        usleep(100);
}

static void test_tasks_run_while_frames_come(void)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        test_begin("tasks while decoding", seed, 10);
        fake f;
        fake_init(&f, &closed_gops, seed);
        f.jitter = 40;
        gvd_scheduler_params params = drive_params(&f, seed % 2, 3);
        gvd_scheduler *s = start(&params);
        task_tally tally = {0};
        counted_task *tasks = make_tasks(&tally);
        gvd_frame *frame = NULL;
        int submitted = 0;
        while (gvd_scheduler_next(s, -1, &frame, NULL) == GVD_OK) {
            gvd_frame_unref(&frame);
            if (submitted < TASKS)
                gvd_scheduler_submit(s, &tasks[submitted++].task);
        }
        wait_for(&tally.run, submitted); // after the last frame as well
        REQUIRE(atomic_load(&tally.cancelled) == 0);
        stop(&s, &f);
        free(tasks);
        fake_free(&f);
    }
}

// Submits all and waits until they are run, whatever else stands still.
static void check_all_run(gvd_scheduler *s)
{
    task_tally tally = {0};
    counted_task *tasks = make_tasks(&tally);
    for (int i = 0; i < TASKS; i++)
        gvd_scheduler_submit(s, &tasks[i].task);
    wait_for(&tally.run, TASKS);
    REQUIRE(atomic_load(&tally.cancelled) == 0);
    free(tasks);
}

// Conversion gives the memory back that the decoders wait for.
static void test_tasks_run_while_decoders_wait_for_memory(void)
{
    test_begin("tasks without memory", 0, 10);
    fake f;
    fake_init(&f, &closed_gops, 1);
    gvd_scheduler_params params = drive_params(&f, false, 2);
    params.memory_limit = FAKE_FRAME_BYTES;
    gvd_scheduler *s = start(&params);
    usleep(20000);
    check_all_run(s);
    stop(&s, &f);
    fake_free(&f);
}

static void test_tasks_run_while_the_source_stands_still(void)
{
    for (int at = 0; at < 40; at += 13) {
        test_begin("tasks without packets", (uint64_t)at, 10);
        fake f;
        fake_init(&f, &closed_gops, 2);
        f.read_blocks_at = at;
        gvd_scheduler_params params = drive_params(&f, false, 2);
        gvd_scheduler *s = start(&params);
        usleep(5000);
        check_all_run(s);
        stop(&s, &f);
        fake_free(&f);
    }
}

static void test_tasks_run_without_any_session(void)
{
    test_begin("tasks without sessions", 0, 10);
    fake f;
    fake_init(&f, &closed_gops, 2);
    f.open = fake_no_driver;
    gvd_scheduler_params params = drive_params(&f, false, 3);
    gvd_scheduler *s = start(&params);
    check_all_run(s);
    stop(&s, &f);
    fake_free(&f);
}

// The only worker stands still: abort must tell who waits for the tasks.
static void test_abort_cancels_what_waits(void)
{
    test_begin("cancelled tasks", 0, 10);
    fake f;
    fake_init(&f, &closed_gops, 3);
    f.gate_at = 0;
    gvd_scheduler_params params = drive_params(&f, false, 1);
    gvd_scheduler *s = start(&params);
    while (!atomic_load(&f.at_gate))
        usleep(100);
    task_tally tally = {0};
    counted_task *tasks = make_tasks(&tally);
    for (int i = 0; i < TASKS / 2; i++)
        gvd_scheduler_submit(s, &tasks[i].task);
    gvd_scheduler_abort(s);
    wait_for(&tally.cancelled, TASKS / 2);
    for (int i = TASKS / 2; i < TASKS; i++)
        gvd_scheduler_submit(s, &tasks[i].task);
    wait_for(&tally.cancelled, TASKS);
    atomic_store(&f.gate_open, true);
    stop(&s, &f);
    REQUIRE(atomic_load(&tally.run) == 0);
    free(tasks);
    fake_free(&f);
}

static void test_destroy_runs_or_cancels_each_once(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        test_begin("tasks and destroy", seed, 10);
        uint64_t state = seed;
        fake f;
        gop_style style = random_style(&state);
        fake_init(&f, &style, seed);
        f.jitter = 30;
        gvd_scheduler_params params = drive_params(&f, false, 3);
        gvd_scheduler *s = start(&params);
        task_tally tally = {0};
        counted_task *tasks = make_tasks(&tally);
        int submitted = draw_below(&state, TASKS);
        for (int i = 0; i < submitted; i++) {
            gvd_scheduler_submit(s, &tasks[i].task);
            if (chance(&state, 5))
                usleep(50);
        }
        stop(&s, &f);
        REQUIRE(atomic_load(&tally.run) + atomic_load(&tally.cancelled) ==
                submitted);
        free(tasks);
        fake_free(&f);
    }
}

int main(void)
{
    test_tasks_run_while_frames_come();
    test_tasks_run_while_decoders_wait_for_memory();
    test_tasks_run_while_the_source_stands_still();
    test_tasks_run_without_any_session();
    test_abort_cancels_what_waits();
    test_destroy_runs_or_cancels_each_once();
    puts("tasks: ok");
    return 0;
}
