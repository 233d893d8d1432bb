// Exported tensors: what consumers read, and who frees the memory when.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlpack.h"
#include "host_copy.h"
#include "require.h"

static atomic_int released;

static void release(gvd_tensor *tensor)
{
    free(tensor->data);
    free(tensor);
    atomic_fetch_add(&released, 1);
}

// (2, 3, 4) bytes that count up from 0.
static gvd_tensor *make_tensor(void)
{
    static const gvd_tensor_ops ops = {.release = release};
    gvd_tensor *tensor = calloc(1, sizeof *tensor);
    REQUIRE(tensor);
    gvd_ref_init(&tensor->ref);
    tensor->ops = &ops;
    tensor->dtype = GVD_UINT8;
    tensor->device = (gvd_device){GVD_DEVICE_CPU, 0};
    gvd_tensor_set_shape(tensor, 3, (const int64_t[]){2, 3, 4});
    tensor->data = malloc(24);
    REQUIRE(tensor->data);
    for (int i = 0; i < 24; i++)
        tensor->data[i] = (uint8_t)i;
    return tensor;
}

static void check_description(const DLTensor *dl, const gvd_tensor *tensor)
{
    REQUIRE(dl->data == tensor->data && dl->byte_offset == 0);
    REQUIRE(dl->ndim == 3 && dl->shape[0] == 2 && dl->shape[2] == 4);
    REQUIRE(dl->strides[0] == 12 && dl->strides[1] == 4 && dl->strides[2] == 1);
    REQUIRE(dl->dtype.code == GVD_DL_UINT && dl->dtype.bits == 8);
    REQUIRE(dl->dtype.lanes == 1);
    REQUIRE(dl->device.device_type == GVD_DEVICE_CPU);
}

static void test_strides_are_always_filled(void)
{
    gvd_tensor *tensor = make_tensor();
    DLManagedTensor *legacy;
    DLManagedTensorVersioned *versioned;
    REQUIRE(gvd_tensor_export(tensor, &legacy, NULL) == GVD_OK);
    REQUIRE(gvd_tensor_export_versioned(tensor, GVD_DL_IS_COPIED, &versioned,
                                        NULL) == GVD_OK);
    check_description(&legacy->dl_tensor, tensor);
    check_description(&versioned->dl_tensor, tensor);
    REQUIRE(versioned->version.major == 1);
    REQUIRE(versioned->flags == GVD_DL_IS_COPIED);
    legacy->deleter(legacy);
    gvd_tensor_unref(&tensor);
    REQUIRE(released == 0);
    versioned->deleter(versioned);
    REQUIRE(released == 1);
}

static void *delete_exported(void *managed)
{
    DLManagedTensorVersioned *versioned = managed;
    versioned->deleter(versioned);
    return NULL;
}

static void test_any_thread_may_free(void)
{
    enum {
        COUNT = 8
    };
    gvd_tensor *tensor = make_tensor();
    pthread_t threads[COUNT];
    released = 0;
    for (int i = 0; i < COUNT; i++) {
        DLManagedTensorVersioned *managed;
        REQUIRE(gvd_tensor_export_versioned(tensor, 0, &managed, NULL) ==
                GVD_OK);
        REQUIRE(!pthread_create(&threads[i], NULL, delete_exported, managed));
    }
    gvd_tensor_unref(&tensor);
    for (int i = 0; i < COUNT; i++)
        pthread_join(threads[i], NULL);
    REQUIRE(released == 1);
}

// Every second column of each row, as of interleaved chroma.
static void test_a_strided_copy_is_dense(void)
{
    gvd_tensor *tensor = make_tensor();
    tensor->shape[2] = 2;
    tensor->strides[2] = 2;
    gvd_tensor *copy;
    REQUIRE(gvd_tensor_copy_to_host(tensor, &copy, NULL) == GVD_OK);
    REQUIRE(gvd_tensor_is_contiguous(copy) && gvd_tensor_bytes(copy) == 12);
    for (int i = 0; i < 12; i++)
        REQUIRE(copy->data[i] == 2 * i);
    gvd_tensor_unref(&copy);
    gvd_tensor_unref(&tensor);
}

int main(void)
{
    test_strides_are_always_filled();
    test_any_thread_may_free();
    test_a_strided_copy_is_dense();
    puts("dlpack: ok");
    return 0;
}
