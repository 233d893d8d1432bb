// What random access keeps with an open video: its index, and the file where
// the last request left it.
#include "reader_impl.h"
#include "scan.h"

int gvd_reader_take_access(gvd_reader *reader, gvd_source **out, gvd_error *err)
{
    if (!reader->seekable)
        return gvd_reader_fail_once(reader, err);
    pthread_mutex_lock(&reader->lock);
    gvd_source **kept = reader->access ? &reader->access : &reader->source;
    *out = *kept;
    *kept = NULL;
    pthread_mutex_unlock(&reader->lock);
    return *out ? GVD_OK : gvd_reader_open_source(reader, NULL, out, err);
}

void gvd_reader_give_access(gvd_reader *reader, gvd_source **source)
{
    pthread_mutex_lock(&reader->lock);
    if (!reader->access && !reader->closed) {
        reader->access = *source;
        *source = NULL;
    }
    pthread_mutex_unlock(&reader->lock);
}

gvd_index *gvd_reader_index(gvd_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    gvd_index *index = reader->index ? gvd_index_ref(reader->index) : NULL;
    pthread_mutex_unlock(&reader->lock);
    return index;
}

void gvd_reader_set_index(gvd_reader *reader, gvd_index *index)
{
    pthread_mutex_lock(&reader->lock);
    gvd_index *old = reader->index;
    reader->index = gvd_index_ref(index);
    pthread_mutex_unlock(&reader->lock);
    gvd_index_unref(&old);
}

static int step(gvd_reader *r, int timeout_ms, gvd_error *err)
{
    int rc = GVD_OK;
    if (!r->scan)
        rc = gvd_scan_create(r, &r->scan, err);
    gvd_index *index = NULL;
    if (rc == GVD_OK)
        rc = gvd_scan_step(r->scan, timeout_ms, &index, err);
    if (rc == GVD_AGAIN)
        return rc;
    gvd_scan_free(&r->scan);
    if (rc == GVD_OK)
        gvd_reader_set_index(r, index);
    gvd_index_unref(&index);
    return rc;
}

int gvd_reader_build_index(gvd_reader *reader, int timeout_ms, gvd_error *err)
{
    gvd_reader *r = reader;
    pthread_mutex_lock(&r->lock);
    bool mine = !r->scanning && !r->index;
    bool there = r->index;
    r->scanning |= mine;
    pthread_mutex_unlock(&r->lock);
    if (!mine)
        return there ? GVD_OK : GVD_AGAIN;
    int rc =
        r->seekable ? step(r, timeout_ms, err) : gvd_reader_fail_once(r, err);
    pthread_mutex_lock(&r->lock);
    r->scanning = false;
    pthread_mutex_unlock(&r->lock);
    if (rc < 0)
        gvd_error_prefix(err, "%s: ", r->params.url);
    return rc;
}
