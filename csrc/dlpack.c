// The last step on the way out of the core: a tensor becomes the structure that
// other array libraries take. Shape and strides are the tensor's own arrays,
// which live as long as the reference that is held here.
#include "dlpack.h"

#include <stdlib.h>

DLDataType gvd_dlpack_type(enum gvd_dtype dtype)
{
    static const uint8_t codes[] = {
        [GVD_UINT8] = GVD_DL_UINT,    [GVD_UINT16] = GVD_DL_UINT,
        [GVD_FLOAT16] = GVD_DL_FLOAT, [GVD_BFLOAT16] = GVD_DL_BFLOAT,
        [GVD_FLOAT32] = GVD_DL_FLOAT,
    };
    return (DLDataType){codes[dtype], (uint8_t)(8 * gvd_dtype_bytes(dtype)), 1};
}

static DLTensor describe(gvd_tensor *tensor)
{
    return (DLTensor){
        .data = tensor->data,
        .device = {tensor->device.type, tensor->device.id},
        .ndim = tensor->ndim,
        .dtype = gvd_dlpack_type(tensor->dtype),
        .shape = tensor->shape,
        .strides = tensor->strides,
    };
}

static void delete_legacy(DLManagedTensor *self)
{
    gvd_tensor *tensor = self->manager_ctx;
    gvd_tensor_drop(&tensor);
    free(self);
}

static void delete_versioned(DLManagedTensorVersioned *self)
{
    gvd_tensor *tensor = self->manager_ctx;
    gvd_tensor_drop(&tensor);
    free(self);
}

int gvd_tensor_export(gvd_tensor *tensor, DLManagedTensor **out, gvd_error *err)
{
    DLManagedTensor *managed = malloc(sizeof *managed);
    if (!managed)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    *managed = (DLManagedTensor){
        .dl_tensor = describe(tensor),
        .manager_ctx = gvd_tensor_ref(tensor),
        .deleter = delete_legacy,
    };
    *out = managed;
    return GVD_OK;
}

int gvd_tensor_export_versioned(gvd_tensor *tensor, uint64_t flags,
                                DLManagedTensorVersioned **out, gvd_error *err)
{
    DLManagedTensorVersioned *managed = malloc(sizeof *managed);
    if (!managed)
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "out of host memory");
    *managed = (DLManagedTensorVersioned){
        .version = {GVD_DLPACK_MAJOR, GVD_DLPACK_MINOR},
        .manager_ctx = gvd_tensor_ref(tensor),
        .deleter = delete_versioned,
        .flags = flags,
        .dl_tensor = describe(tensor),
    };
    *out = managed;
    return GVD_OK;
}
