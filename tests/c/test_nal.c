// Where a decoder may start, read from packets in every framing.
#include "units.h"

typedef struct verdict {
    enum gvd_entry entry;
    bool skippable, parameters;
} verdict;

static const verdict none = {.entry = GVD_ENTRY_NONE};
static const verdict opened = {.entry = GVD_ENTRY_OPEN};
static const verdict closed = {.entry = GVD_ENTRY_CLOSED};

static void check_framing(enum gvd_bitstream bitstream, const unit *units,
                          int count, bool key, verdict want, int length_size)
{
    gvd_packet *packet = make_packet(units, count, length_size, key);
    gvd_classifier classifier = {.bitstream = bitstream,
                                 .length_size = length_size};
    gvd_packet_classify(packet, &classifier);
    REQUIRE(packet->entry == want.entry);
    REQUIRE(packet->skippable == want.skippable);
    REQUIRE(packet->parameters == want.parameters);
    free_packet(packet);
}

static void check(enum gvd_bitstream bitstream, const unit *units, int count,
                  bool key, verdict want)
{
    for (size_t i = 0; i < sizeof framings / sizeof *framings; i++)
        check_framing(bitstream, units, count, key, want, framings[i]);
}

// --- H.264 ---

static const unit h264_delimiter = UNIT(0x09, 0xf0);
static const unit h264_sps = UNIT(0x67, 0x64, 0, 0x1f, 0xac);
static const unit h264_pps = UNIT(0x68, 0xee, 0x3c, 0x80);
static const unit h264_idr = UNIT(0x65, 0x88, 0x84, 0);
static const unit h264_slice = UNIT(0x41, 0x9a, 0x24);
static const unit h264_b = UNIT(0x01, 0x9e, 0x41);
// recovery_frame_cnt 0 is the bit 1; 1 is 010, 12 is 0001101.
static const unit h264_recovery_0 = UNIT(0x06, 0x06, 0x01, 0xc4, 0x80);
static const unit h264_recovery_1 = UNIT(0x06, 0x06, 0x01, 0x52, 0x80);
static const unit h264_recovery_12 = UNIT(0x06, 0x06, 0x01, 0x1a, 0x80);
static const unit h264_user_data = UNIT(0x06, 0x05, 0x04, 6, 1, 0x80, 9, 0x80);

static void test_an_idr_is_a_closed_entry(void)
{
    const unit plain[] = {h264_idr};
    const unit full[] = {h264_delimiter, h264_sps, h264_pps, h264_recovery_12,
                         h264_idr};
    check(GVD_BITSTREAM_H264, plain, 1, true, closed);
    check(GVD_BITSTREAM_H264, full, 5, true,
          (verdict){GVD_ENTRY_CLOSED, .parameters = true});
}

static void test_only_an_exact_recovery_point_is_an_entry(void)
{
    const unit exact[] = {h264_recovery_0, h264_slice};
    const unit later[] = {h264_recovery_1, h264_slice};
    const unit much_later[] = {h264_recovery_12, h264_slice};
    const unit after[] = {h264_slice, h264_recovery_0};
    check(GVD_BITSTREAM_H264, exact, 2, true, opened);
    check(GVD_BITSTREAM_H264, exact, 2, false, none);
    check(GVD_BITSTREAM_H264, later, 2, true, none);
    check(GVD_BITSTREAM_H264, much_later, 2, true, none);
    check(GVD_BITSTREAM_H264, after, 2, true, none);
}

// x264 writes its version as user data in front of everything.
static void test_a_recovery_point_behind_other_messages(void)
{
    const unit own_nal[] = {h264_user_data, h264_recovery_0, h264_slice};
    const unit same_nal[] = {
        UNIT(0x06, 0x05, 0x02, 9, 9, 0x06, 0x01, 0xc4, 0x80), h264_slice};
    const unit looks_like[] = {h264_user_data, h264_slice};
    check(GVD_BITSTREAM_H264, own_nal, 3, true, opened);
    check(GVD_BITSTREAM_H264, same_nal, 2, true, opened);
    check(GVD_BITSTREAM_H264, looks_like, 2, true, none);
}

// Message sizes count the bytes without the 3 of 00 00 03.
static void test_emulation_prevention_does_not_hide_a_recovery_point(void)
{
    const unit escaped[] = {
        UNIT(0x06, 0x01, 0x04, 0, 0, 3, 1, 5, 0x06, 0x01, 0xc4, 0x80),
        h264_slice};
    check(GVD_BITSTREAM_H264, escaped, 2, true, opened);
}

static void test_parameter_sets_are_seen_without_an_entry(void)
{
    const unit units[] = {h264_pps, h264_slice};
    const unit alone[] = {h264_sps, h264_pps};
    const unit nothing[] = {h264_delimiter, h264_b};
    verdict want = {GVD_ENTRY_NONE, .parameters = true};
    check(GVD_BITSTREAM_H264, units, 2, false, want);
    check(GVD_BITSTREAM_H264, alone, 2, true, want);
    check(GVD_BITSTREAM_H264, nothing, 2, false, none);
}

// x264 and x265, 640x368, cropped by another tool.
static const unit h264_cropped_sps =
    UNIT(0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f, 0xc0, 0x4b, 0xc0,
         0x99, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00,
         0xc8, 0x3c, 0x58, 0xb6, 0x58);
static const unit hevc_cropped_sps =
    UNIT(0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00,
         0x03, 0x00, 0x00, 0x03, 0x00, 0x3f, 0xa0, 0x05, 0x02, 0x01, 0x71, 0x82,
         0x18, 0x21, 0xe5, 0x95, 0x95, 0x29, 0x30, 0xbc, 0x05, 0xa0, 0x20, 0x00,
         0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03, 0x21);

static void check_window(const gvd_packet *packet, gvd_window want)
{
    const gvd_window *got = &packet->visible;
    REQUIRE(got->left == want.left && got->top == want.top);
    REQUIRE(got->width == want.width && got->height == want.height);
}

static void test_the_part_that_is_shown(void)
{
    const unit h264_set = UNIT(0x68, 0xef, 0x8f, 0xcb);
    const unit hevc_set = UNIT(0x44, 0x01, 0xc0, 0x73, 0xc1, 0x89);
    const unit hevc_idr = UNIT(0x26, 0x01, 0xaf, 0x80, 0x80);
    gvd_classifier h264 = fresh(GVD_BITSTREAM_H264, 0);
    gvd_packet packet = LOOK(h264, h264_slice);
    check_window(&packet, (gvd_window){0});
    packet = LOOK(h264, h264_cropped_sps, h264_set, h264_slice);
    check_window(&packet, (gvd_window){300, 150, 340, 218});
    packet = LOOK(h264, h264_slice); // by the sets that came before
    check_window(&packet, (gvd_window){300, 150, 340, 218});
    gvd_classifier hevc = fresh(GVD_BITSTREAM_HEVC, 0);
    packet = LOOK(hevc, hevc_cropped_sps, hevc_set, hevc_idr);
    check_window(&packet, (gvd_window){64, 64, 576, 304});
}

// --- HEVC ---

static unit hevc_unit(int type)
{
    return (unit){{(uint8_t)(type << 1), 1, 0x80, 0x40}, 4};
}

static verdict hevc_want(int type)
{
    bool idr = type == 19 || type == 20;
    bool irap = type >= 16 && type <= 21;
    return (verdict){
        .entry = idr    ? GVD_ENTRY_CLOSED
                 : irap ? GVD_ENTRY_OPEN
                        : GVD_ENTRY_NONE,
        .skippable = type == 8 || type == 9,
    };
}

// 0-9 trailing to RASL, 16-18 BLA, 19-20 IDR, 21 CRA, the rest is reserved.
static void test_every_hevc_picture_type(void)
{
    for (int type = 0; type < 32; type++) {
        const unit plain[] = {hevc_unit(type)};
        const unit full[] = {hevc_unit(35), hevc_unit(32), hevc_unit(33),
                             hevc_unit(34), hevc_unit(39), hevc_unit(type),
                             hevc_unit(9)};
        verdict want = hevc_want(type);
        check(GVD_BITSTREAM_HEVC, plain, 1, want.entry, want);
        want.parameters = true;
        // Decoders pass over reserved types: the next slice is the first.
        want.skippable |= (type > 9 && type < 16) || type > 21;
        check(GVD_BITSTREAM_HEVC, full, 7, want.entry, want);
    }
    const unit other[] = {hevc_unit(35), hevc_unit(39), hevc_unit(40)};
    check(GVD_BITSTREAM_HEVC, other, 3, true, none);
}

// --- the flag, and frames that are only referred to ---

static void test_the_flag_is_the_truth_for_some_codecs_only(void)
{
    const unit bytes[] = {h264_idr};
    check(GVD_BITSTREAM_INTRA, bytes, 1, true, closed);
    check(GVD_BITSTREAM_INTRA, bytes, 1, false, none);
    check(GVD_BITSTREAM_INTRA, bytes, 0, false, none);
    check(GVD_BITSTREAM_VP8, bytes, 1, true, closed);
    check(GVD_BITSTREAM_VP9, bytes, 1, true, closed);
    check(GVD_BITSTREAM_VP9, bytes, 1, false, none);
    // AVI-era codecs flag every packet.
    check(GVD_BITSTREAM_OTHER, bytes, 1, true, none);
}

static bool is_hidden(enum gvd_bitstream bitstream, const uint8_t *data,
                      size_t size)
{
    gvd_packet packet = {.data = data, .size = size};
    gvd_classifier classifier = {.bitstream = bitstream};
    gvd_packet_classify(&packet, &classifier);
    return packet.discard;
}

// A hidden frame that counts as shown makes every GOP a mismatch on the GPU.
static void test_hidden_vp8_and_vp9_frames(void)
{
    static const uint8_t vp8_shown[] = {0x11, 2, 0};
    static const uint8_t vp8_hidden[] = {0x01, 2, 0};
    // 10, profile 0, not existing, inter, shown or not, no resilience
    static const uint8_t vp9_shown[] = {0x86, 0, 0};
    static const uint8_t vp9_hidden[] = {0x84, 0, 0};
    static const uint8_t vp9_existing[] = {0x88};
    static const uint8_t vp9_superframe[] = {0x84, 0, 0xc1, 1, 1, 0xc1};
    // profile 3: a reserved bit comes in between
    static const uint8_t vp9_deep_shown[] = {0xb3, 0, 0};
    static const uint8_t vp9_deep_hidden[] = {0xb2, 0, 0};
    REQUIRE(!is_hidden(GVD_BITSTREAM_VP8, vp8_shown, 3));
    REQUIRE(is_hidden(GVD_BITSTREAM_VP8, vp8_hidden, 3));
    REQUIRE(!is_hidden(GVD_BITSTREAM_VP8, NULL, 0));
    REQUIRE(!is_hidden(GVD_BITSTREAM_VP9, vp9_shown, 3));
    REQUIRE(is_hidden(GVD_BITSTREAM_VP9, vp9_hidden, 3));
    REQUIRE(!is_hidden(GVD_BITSTREAM_VP9, vp9_existing, 1));
    REQUIRE(!is_hidden(GVD_BITSTREAM_VP9, vp9_superframe, 6));
    REQUIRE(!is_hidden(GVD_BITSTREAM_VP9, vp9_deep_shown, 3));
    REQUIRE(is_hidden(GVD_BITSTREAM_VP9, vp9_deep_hidden, 3));
    REQUIRE(!is_hidden(GVD_BITSTREAM_VP9, NULL, 0));
    REQUIRE(!is_hidden(GVD_BITSTREAM_INTRA, vp8_hidden, 3));
}

// --- damage ---

static verdict classify(enum gvd_bitstream bitstream, const uint8_t *data,
                        size_t size, int length_size)
{
    gvd_packet packet = {.data = data, .size = size, .key = true};
    packet.entry = GVD_ENTRY_CLOSED; // what stood there before must not count
    packet.skippable = packet.parameters = true;
    gvd_classifier classifier = {.bitstream = bitstream,
                                 .length_size = length_size};
    gvd_packet_classify(&packet, &classifier);
    return (verdict){packet.entry, packet.skippable, packet.parameters};
}

static void test_an_empty_packet_says_nothing(void)
{
    for (int length_size = 0; length_size <= 4; length_size++)
        for (int b = GVD_BITSTREAM_H264; b <= GVD_BITSTREAM_HEVC; b++) {
            verdict v = classify(b, NULL, 0, length_size);
            REQUIRE(v.entry == GVD_ENTRY_NONE && !v.skippable && !v.parameters);
        }
}

// Every prefix of a good packet: what is cut off is not read.
static void test_truncated_packets(void)
{
    const unit units[] = {h264_delimiter, h264_sps, h264_recovery_0,
                          h264_slice};
    for (size_t f = 0; f < sizeof framings / sizeof *framings; f++) {
        gvd_packet *packet = make_packet(units, 4, framings[f], true);
        for (size_t size = 0; size < packet->size; size++) {
            uint8_t *copy = malloc(size ? size : 1);
            REQUIRE(copy);
            memcpy(copy, packet->data, size);
            verdict v = classify(GVD_BITSTREAM_H264, copy, size, framings[f]);
            REQUIRE(v.entry != GVD_ENTRY_CLOSED);
            free(copy);
        }
        free_packet(packet);
    }
}

static void test_hostile_lengths(void)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0x65, 0x88};
    static const uint8_t past[] = {0, 0, 0, 3, 0x65, 0x88};
    static const uint8_t zero[] = {0, 0, 0, 0, 0x65, 0x88};
    static const uint8_t only[] = {0, 0, 0, 1};
    // An SEI message that is longer than its NAL unit.
    static const uint8_t sei[] = {0, 0, 0, 4, 6, 6, 0xff, 0x80, 0, 0, 0, 1, 65};
    const struct {
        const uint8_t *data;
        size_t size;
    } all[] = {{huge, 6}, {past, 6}, {zero, 6}, {only, 4}, {sei, 13}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        verdict v = classify(GVD_BITSTREAM_H264, all[i].data, all[i].size, 4);
        REQUIRE(v.entry == GVD_ENTRY_NONE && !v.parameters);
    }
}

static void test_extradata_tells_the_framing(void)
{
    uint8_t avcc[7] = {1, 0x64, 0, 0x1f, 0xfc | 3, 0xe1, 0};
    uint8_t hvcc[23] = {1};
    static const uint8_t annexb[23] = {0, 0, 0, 1, 0x67};
    for (int n = 0; n < 4; n++) {
        avcc[4] = (uint8_t)(0xfc | n);
        hvcc[21] = (uint8_t)(0xf4 | n);
        REQUIRE(gvd_extradata_length_size(GVD_BITSTREAM_H264, avcc, 7) ==
                n + 1);
        REQUIRE(gvd_extradata_length_size(GVD_BITSTREAM_HEVC, hvcc, 23) ==
                n + 1);
    }
    REQUIRE(gvd_extradata_length_size(GVD_BITSTREAM_H264, avcc, 6) == 0);
    REQUIRE(gvd_extradata_length_size(GVD_BITSTREAM_HEVC, hvcc, 22) == 0);
    REQUIRE(gvd_extradata_length_size(GVD_BITSTREAM_H264, annexb, 23) == 0);
    REQUIRE(gvd_extradata_length_size(GVD_BITSTREAM_HEVC, annexb, 23) == 0);
    REQUIRE(gvd_extradata_length_size(GVD_BITSTREAM_INTRA, avcc, 7) == 0);
    REQUIRE(gvd_extradata_length_size(GVD_BITSTREAM_H264, NULL, 0) == 0);
}

// Bytes that often look like start codes, headers and messages.
static void test_random_bytes_are_read_within_bounds(void)
{
    static const uint8_t likely[] = {0,    0,    0,    1,    2,    3,    4,
                                     5,    6,    0x65, 0x67, 0x41, 0x26, 0x28,
                                     0x2a, 0x12, 0xff, 0x80, 0x40};
    enum {
        ROUNDS = 1000000,
        ROOM = 48
    };
    uint8_t *room = malloc(ROOM);
    uint64_t seed = 20;
    REQUIRE(room);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t bits = draw(&seed);
        size_t size = bits % (ROOM + 1);
        uint8_t *data = room + ROOM - size; // ends where the memory ends
        for (size_t i = 0; i < size && i < 6; i++)
            data[(bits >> (16 + i)) % size] =
                likely[(bits >> (8 * i)) % sizeof likely];
        int b = (int)(bits >> 60) % (GVD_BITSTREAM_INTRA + 1);
        verdict v = classify(b, data, size, (int)(bits >> 56 & 15) % 5);
        REQUIRE(!v.skippable || b == GVD_BITSTREAM_HEVC);
        REQUIRE(v.entry == GVD_ENTRY_NONE || size > 0 ||
                b > GVD_BITSTREAM_HEVC);
    }
    free(room);
}

static void test_length_fields_become_start_codes(void)
{
    uint8_t two[] = {0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41};
    const uint8_t want[] = {0, 0, 0, 1, 0x65, 1, 0, 0, 0, 1, 0x41};
    REQUIRE(gvd_nal_to_annexb(two, sizeof two) == sizeof two);
    REQUIRE(!memcmp(two, want, sizeof two));
    // A length that points outside: what stands before it is kept.
    uint8_t torn[] = {0, 0, 0, 1, 0x65, 0, 0, 0, 9, 0x41};
    REQUIRE(gvd_nal_to_annexb(torn, sizeof torn) == 5);
    uint8_t hostile[] = {0xff, 0xff, 0xff, 0xff, 0x41};
    REQUIRE(gvd_nal_to_annexb(hostile, sizeof hostile) == 0);
    for (size_t size = 0; size <= 4; size++)
        REQUIRE(gvd_nal_to_annexb(two, size) == 0);
}

int main(void)
{
    test_begin("nal", 20, 60);
    test_an_idr_is_a_closed_entry();
    test_only_an_exact_recovery_point_is_an_entry();
    test_a_recovery_point_behind_other_messages();
    test_emulation_prevention_does_not_hide_a_recovery_point();
    test_parameter_sets_are_seen_without_an_entry();
    test_the_part_that_is_shown();
    test_every_hevc_picture_type();
    test_the_flag_is_the_truth_for_some_codecs_only();
    test_hidden_vp8_and_vp9_frames();
    test_an_empty_packet_says_nothing();
    test_truncated_packets();
    test_hostile_lengths();
    test_extradata_tells_the_framing();
    test_random_bytes_are_read_within_bounds();
    test_length_fields_become_start_codes();
    puts("nal: ok");
    return 0;
}
