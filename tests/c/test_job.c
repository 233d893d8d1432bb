// The queue of a job: packets that may be asked for again, frames in a ring.
#include "job.h"

#include "fake.h"

static fake source;

static void push(gvd_job *job, int number)
{
    gvd_packet *packet = fake_packet(&source, number);
    REQUIRE(gvd_job_push_packet(job, packet, number % 3 != 0, NULL) == GVD_OK);
    gvd_packet_unref(&packet);
}

static void take(gvd_job *job, int number)
{
    gvd_job_packet next;
    REQUIRE(gvd_job_take_packet(job, &next));
    REQUIRE(next.packet->ordinal == number && next.shown == (number % 3 != 0));
    gvd_packet_unref(&next.packet);
}

static void test_kept_packets_come_again(void)
{
    gvd_job *job = gvd_job_create(0, true);
    gvd_job_packet next;
    REQUIRE(job && !gvd_job_take_packet(job, &next));
    for (int i = 0; i < 100; i++)
        push(job, i);
    for (int i = 0; i < 70; i++)
        take(job, i);
    REQUIRE(gvd_job_pending(job) == 30 && job->kept_bytes == 70 * (100 + 768));
    REQUIRE(gvd_job_rewind(job) && gvd_job_pending(job) == 100);
    REQUIRE(job->kept_bytes == 0 && job->shown == 66);
    for (int i = 0; i < 50; i++)
        take(job, i);
    REQUIRE(atomic_load(&fake_packets) == 100);
    gvd_job_forget_taken(job);
    REQUIRE(atomic_load(&fake_packets) == 50);
    REQUIRE(!gvd_job_rewind(job) && gvd_job_pending(job) == 50);
    for (int i = 50; i < 60; i++)
        take(job, i);
    REQUIRE(atomic_load(&fake_packets) == 40);
    gvd_job_free(&job);
    REQUIRE(!job && atomic_load(&fake_packets) == 0);
}

// A stream of one GOP flows through its job.
static void test_a_job_that_flows_needs_little_memory(void)
{
    gvd_job *job = gvd_job_create(0, false);
    REQUIRE(job);
    for (int i = 0; i < source.gops.count; i++) {
        push(job, i);
        if (i >= 40)
            take(job, i - 40);
    }
    REQUIRE(job->packet_capacity <= 256);
    REQUIRE(atomic_load(&fake_packets) == 40);
    gvd_job_free(&job);
    REQUIRE(atomic_load(&fake_packets) == 0);
}

static void test_frames_keep_their_order(void)
{
    gvd_job *job = gvd_job_create(0, false);
    REQUIRE(job);
    uint64_t seed = 1;
    int pushed = 0, popped = 0;
    while (popped < 2000) {
        if (pushed < 2000 && (pushed == popped || chance(&seed, 52))) {
            gvd_frame *frame = fake_frame(pushed++, "fake");
            REQUIRE(gvd_job_push_frame(job, frame, NULL) == GVD_OK);
        } else {
            gvd_frame *frame = gvd_job_pop_frame(job);
            REQUIRE(frame->ordinal == popped++);
            gvd_frame_unref(&frame);
        }
        REQUIRE(job->frame_count == (size_t)(pushed - popped));
        REQUIRE(job->emitted == pushed);
    }
    for (int i = 0; i < 5; i++)
        REQUIRE(gvd_job_push_frame(job, fake_frame(i, "fake"), NULL) == GVD_OK);
    gvd_job_free(&job);
    REQUIRE(atomic_load(&fake_frames) == 0);
    gvd_job_free(&job);
}

int main(void)
{
    test_begin("job", 0, 30);
    gop_style style = {.gops = 200, .max_length = 20, .max_b = 2};
    fake_init(&source, &style, 0);
    test_kept_packets_come_again();
    test_a_job_that_flows_needs_little_memory();
    test_frames_keep_their_order();
    fake_free(&source);
    puts("job: ok");
    return 0;
}
