// DLPack: the exchange structures, and a tensor's way out through them.
//
// The structures are an ABI, declared here from the DLPack specification
// (version 1.3) so that no foreign header is needed. Their names are the
// specification's, their members too.
//
// Thread-safety: everything here may be called on any thread without the GIL,
// the deleters of exported tensors included: they drop one reference.
#pragma once

#include <stdint.h>

#include "tensor.h"

#define GVD_DLPACK_MAJOR 1
#define GVD_DLPACK_MINOR 3

// DLDataType.code
enum {
    GVD_DL_UINT = 1,
    GVD_DL_FLOAT = 2,
    GVD_DL_BFLOAT = 4,
};

// DLManagedTensorVersioned.flags
enum {
    GVD_DL_READ_ONLY = 1 << 0,
    GVD_DL_IS_COPIED = 1 << 1, // the consumer is the only owner
};

// DLDevice.device_type: host memory that CUDA has pinned. The others that are
// used here are enum gvd_device_type.
#define GVD_DL_CUDA_HOST 3

typedef struct DLPackVersion {
    uint32_t major, minor;
} DLPackVersion;

typedef struct DLDevice {
    int32_t device_type; // enum gvd_device_type
    int32_t device_id;
} DLDevice;

typedef struct DLDataType {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes;
} DLDataType;

typedef struct DLTensor {
    void *data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t *shape;
    int64_t *strides; // in elements
    uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor DLManagedTensor;
struct DLManagedTensor {
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(DLManagedTensor *self);
};

typedef struct DLManagedTensorVersioned DLManagedTensorVersioned;
struct DLManagedTensorVersioned {
    DLPackVersion version;
    void *manager_ctx;
    void (*deleter)(DLManagedTensorVersioned *self);
    uint64_t flags;
    DLTensor dl_tensor;
};

// Reports why an allocation failed: the name of an exception and a sentence.
typedef void (*DLPackSetError)(void *error_ctx, const char *kind,
                               const char *message);

// The table that an array library publishes as `__dlpack_c_exchange_api__`.
// Functions that take or give Python objects are not used here, and so are
// declared without their arguments' types.
typedef struct DLPackExchangeAPI DLPackExchangeAPI;
struct DLPackExchangeAPI {
    DLPackVersion version;
    const DLPackExchangeAPI *previous; // an older major version, or NULL
    // Makes an uninitialised array of the prototype's shape, type and device.
    // Returns 0, or -1 after calling set_error.
    int (*managed_tensor_allocator)(DLTensor *prototype,
                                    DLManagedTensorVersioned **out,
                                    void *error_ctx, DLPackSetError set_error);
    void (*managed_tensor_from_py_object_no_sync)(void);
    void (*managed_tensor_to_py_object_no_sync)(void);
    void (*dltensor_from_py_object_no_sync)(void);
    // The calling thread's stream on a device.
    int (*current_work_stream)(int32_t device_type, int32_t device_id,
                               void **out);
};

_Static_assert(sizeof(DLTensor) == 48, "DLPack ABI");
_Static_assert(sizeof(DLManagedTensor) == 64, "DLPack ABI");
_Static_assert(sizeof(DLManagedTensorVersioned) == 80, "DLPack ABI");
_Static_assert(sizeof(DLPackExchangeAPI) == 56, "DLPack ABI");

DLDataType gvd_dlpack_type(enum gvd_dtype dtype);

// Exports a tensor: the result holds a reference of its own and is freed by its
// deleter. Shape and strides are always filled. `flags` is GVD_DL_IS_COPIED
// where nobody else has this memory, else 0. Fails with GVD_ERR_NO_MEMORY.
int gvd_tensor_export(gvd_tensor *tensor, DLManagedTensor **out,
                      gvd_error *err);
int gvd_tensor_export_versioned(gvd_tensor *tensor, uint64_t flags,
                                DLManagedTensorVersioned **out, gvd_error *err);
