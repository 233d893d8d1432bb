#include "packet.h"

gvd_packet *gvd_packet_ref(gvd_packet *packet)
{
    gvd_ref_get(&packet->ref);
    return packet;
}

void gvd_packet_unref(gvd_packet **packet)
{
    gvd_packet *p = *packet;
    *packet = NULL;
    if (p && gvd_ref_put(&p->ref))
        p->release(p);
}
