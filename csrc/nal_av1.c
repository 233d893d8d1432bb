// AV1: what one temporal unit tells. Its units (OBU) need no escaping.
#include "nal_impl.h"

enum {
    OBU_SEQUENCE = 1,
    OBU_FRAME_HEADER = 3,
    OBU_FRAME = 6,
};

enum {
    FRAME_KEY,
    FRAME_INTER,
    FRAME_INTRA_ONLY,
    FRAME_SWITCH,
};

#define EACH_FRAME_TELLS 2

typedef struct unit_reader {
    const uint8_t *at, *end;
} unit_reader;

// leb128, or UINT64_MAX.
static uint64_t next_size(unit_reader *reader)
{
    uint64_t size = 0;
    for (int i = 0; i < 8 && reader->at < reader->end; i++) {
        unsigned byte = *reader->at++;
        size |= (uint64_t)(byte & 127) << (7 * i);
        if (byte < 128)
            return size;
    }
    return UINT64_MAX;
}

// The next unit's type and payload: 0 at the end, -1 at a wrong size.
static int next_unit(unit_reader *reader, gvd_bits *bits)
{
    if (reader->at >= reader->end)
        return 0;
    unsigned head = *reader->at++;
    if (head & 4 && reader->at++ >= reader->end) // an extension byte
        return -1;
    uint64_t left = (uint64_t)(reader->end - reader->at);
    uint64_t size = head & 2 ? next_size(reader) : left;
    if (head & 0x80 || size > (uint64_t)(reader->end - reader->at))
        return -1;
    *bits = (gvd_bits){.at = reader->at, .end = reader->at + size};
    reader->at += size;
    int type = (int)(head >> 3 & 15);
    return type ? type : -1;
}

static gvd_av1_sequence read_sequence(gvd_bits bits)
{
    gvd_av1_sequence sequence = {0};
    gvd_bits_next(&bits, 4); // profile, still
    if (gvd_bits_next(&bits, 1))
        return sequence; // one reduced picture
    if (gvd_bits_next(&bits, 1)) {
        gvd_bits_next(&bits, 32); // tick, time scale
        gvd_bits_next(&bits, 32);
        if (gvd_bits_next(&bits, 1))
            gvd_bits_next_ue(&bits);
        if (gvd_bits_next(&bits, 1))
            return sequence; // a decoder model adds to frame headers
    }
    bool delay = gvd_bits_next(&bits, 1);
    for (unsigned n = gvd_bits_next(&bits, 5) + 1; n > 0; n--) {
        gvd_bits_next(&bits, 12); // operating point
        if (gvd_bits_next(&bits, 5) > 7)
            gvd_bits_next(&bits, 1); // tier
        if (delay && gvd_bits_next(&bits, 1))
            gvd_bits_next(&bits, 4);
    }
    unsigned width_bits = gvd_bits_next(&bits, 4) + 1;
    unsigned height_bits = gvd_bits_next(&bits, 4) + 1;
    gvd_bits_next(&bits, width_bits);
    gvd_bits_next(&bits, height_bits);
    if (gvd_bits_next(&bits, 1)) {
        sequence.frame_id_bits = (uint8_t)(gvd_bits_next(&bits, 4) + 3);
        sequence.frame_id_bits += (uint8_t)gvd_bits_next(&bits, 3);
    }
    gvd_bits_next(&bits, 7); // tools
    bool order = gvd_bits_next(&bits, 1);
    gvd_bits_next(&bits, order ? 2 : 0);
    sequence.screen_tools = sequence.integer_motion = EACH_FRAME_TELLS;
    if (!gvd_bits_next(&bits, 1))
        sequence.screen_tools = (uint8_t)gvd_bits_next(&bits, 1);
    if (sequence.screen_tools && !gvd_bits_next(&bits, 1))
        sequence.integer_motion = (uint8_t)gvd_bits_next(&bits, 1);
    if (order)
        sequence.order_hint_bits = (uint8_t)(gvd_bits_next(&bits, 3) + 1);
    sequence.known = !bits.over;
    return sequence;
}

void gvd_av1_take(gvd_av1_sequence *sequence, const uint8_t *data, size_t size)
{
    unit_reader reader = {data, data + size};
    gvd_bits bits;
    int type;
    while ((type = next_unit(&reader, &bits)) > 0)
        if (type == OBU_SEQUENCE)
            *sequence = read_sequence(bits);
}

// True for a frame that is shown now and that nothing can refer to.
static bool read_frame(const gvd_av1_sequence *sequence, gvd_bits bits,
                       char *picture_type)
{
    if (!sequence->known || gvd_bits_next(&bits, 1))
        return false; // an existing frame is shown
    unsigned type = gvd_bits_next(&bits, 2);
    if (!gvd_bits_next(&bits, 1))
        return false; // hidden
    bool intra = type == FRAME_KEY || type == FRAME_INTRA_ONLY;
    *picture_type = bits.over ? 0 : intra ? 'I' : 'P';
    if (type == FRAME_KEY || type == FRAME_SWITCH)
        return false;
    bool resilient = gvd_bits_next(&bits, 1);
    gvd_bits_next(&bits, 1); // CDF update
    bool screen = sequence->screen_tools;
    if (sequence->screen_tools == EACH_FRAME_TELLS)
        screen = gvd_bits_next(&bits, 1);
    if (screen && sequence->integer_motion == EACH_FRAME_TELLS)
        gvd_bits_next(&bits, 1);
    gvd_bits_next(&bits, sequence->frame_id_bits);
    gvd_bits_next(&bits, 1); // its own size
    gvd_bits_next(&bits, sequence->order_hint_bits);
    if (!intra && !resilient)
        gvd_bits_next(&bits, 3); // primary reference
    return gvd_bits_next(&bits, 8) == 0 && !bits.over;
}

void gvd_av1_classify(gvd_packet *packet, gvd_av1_sequence *sequence)
{
    unit_reader reader = {packet->data, packet->data + packet->size};
    gvd_bits bits;
    int type, frames = 0, kept = 0;
    while ((type = next_unit(&reader, &bits)) > 0) {
        if (type == OBU_SEQUENCE)
            *sequence = read_sequence(bits);
        if (type != OBU_FRAME_HEADER && type != OBU_FRAME)
            continue;
        frames++;
        kept += !read_frame(sequence, bits, &packet->picture_type);
    }
    packet->disposable = type == 0 && frames > 0 && kept == 0;
}
