// The CUDA driver and NVDEC, loaded at run time into one table of functions.
//
// Nothing is linked: the module loads on a machine without a driver. Types come
// from the nv-codec-headers; the table is ours, since their loader lacks calls
// that are needed here and prints to stderr.
#pragma once

#include <stdbool.h>

#include <ffnvcodec/dynlink_cuda.h>
#include <ffnvcodec/dynlink_nvcuvid.h>

#include "status.h"

// What the nv-codec-headers do not declare.
typedef CUresult CUDAAPI tgvdDriverGetVersion(int *version);
typedef CUresult CUDAAPI tgvdGetErrorText(CUresult error, const char **text);
typedef CUresult CUDAAPI tgvdMemGetInfo(size_t *free, size_t *total);
typedef CUresult CUDAAPI tgvdStreamWaitEvent(CUstream stream, CUevent event,
                                             unsigned flags);
typedef CUresult CUDAAPI tgvdStreamIsCapturing(CUstream stream, int *status);

typedef CUresult CUDAAPI tgvdExchangeCaptureMode(int *mode);
typedef CUresult CUDAAPI tgvdCtxSynchronize(void);

// X(member, type, symbol in the library)
#define GVD_CUDA_FUNCTIONS(X)                                                  \
    X(cuInit, tcuInit, "cuInit")                                               \
    X(cuDriverGetVersion, tgvdDriverGetVersion, "cuDriverGetVersion")          \
    X(cuGetErrorString, tgvdGetErrorText, "cuGetErrorString")                  \
    X(cuDeviceGetCount, tcuDeviceGetCount, "cuDeviceGetCount")                 \
    X(cuDeviceGet, tcuDeviceGet, "cuDeviceGet")                                \
    X(cuDeviceGetName, tcuDeviceGetName, "cuDeviceGetName")                    \
    X(cuDeviceGetAttribute, tcuDeviceGetAttribute, "cuDeviceGetAttribute")     \
    X(cuDevicePrimaryCtxRetain, tcuDevicePrimaryCtxRetain,                     \
      "cuDevicePrimaryCtxRetain")                                              \
    X(cuCtxPushCurrent, tcuCtxPushCurrent_v2, "cuCtxPushCurrent_v2")           \
    X(cuCtxPopCurrent, tcuCtxPopCurrent_v2, "cuCtxPopCurrent_v2")              \
    X(cuDevicePrimaryCtxRelease, tcuDevicePrimaryCtxRelease,                   \
      "cuDevicePrimaryCtxRelease")                                             \
    X(cuCtxSynchronize, tgvdCtxSynchronize, "cuCtxSynchronize")                \
    X(cuThreadExchangeStreamCaptureMode, tgvdExchangeCaptureMode,              \
      "cuThreadExchangeStreamCaptureMode")                                     \
    X(cuMemGetInfo, tgvdMemGetInfo, "cuMemGetInfo_v2")                         \
    X(cuMemAlloc, tcuMemAlloc_v2, "cuMemAlloc_v2")                             \
    X(cuMemFree, tcuMemFree_v2, "cuMemFree_v2")                                \
    X(cuMemcpy2DAsync, tcuMemcpy2DAsync_v2, "cuMemcpy2DAsync_v2")              \
    X(cuMemcpyDtoHAsync, tcuMemcpyDtoHAsync_v2, "cuMemcpyDtoHAsync_v2")        \
    X(cuStreamCreate, tcuStreamCreate, "cuStreamCreate")                       \
    X(cuStreamDestroy, tcuStreamDestroy_v2, "cuStreamDestroy_v2")              \
    X(cuStreamSynchronize, tcuStreamSynchronize, "cuStreamSynchronize")        \
    X(cuStreamWaitEvent, tgvdStreamWaitEvent, "cuStreamWaitEvent")             \
    X(cuStreamIsCapturing, tgvdStreamIsCapturing, "cuStreamIsCapturing")       \
    X(cuEventCreate, tcuEventCreate, "cuEventCreate")                          \
    X(cuEventDestroy, tcuEventDestroy_v2, "cuEventDestroy_v2")                 \
    X(cuEventRecord, tcuEventRecord, "cuEventRecord")                          \
    X(cuModuleLoadData, tcuModuleLoadData, "cuModuleLoadData")                 \
    X(cuModuleGetFunction, tcuModuleGetFunction, "cuModuleGetFunction")        \
    X(cuLaunchKernel, tcuLaunchKernel, "cuLaunchKernel")

#define GVD_NVCUVID_FUNCTIONS(X)                                               \
    X(cuvidGetDecoderCaps, tcuvidGetDecoderCaps, "cuvidGetDecoderCaps")        \
    X(cuvidCreateDecoder, tcuvidCreateDecoder, "cuvidCreateDecoder")           \
    X(cuvidDestroyDecoder, tcuvidDestroyDecoder, "cuvidDestroyDecoder")        \
    X(cuvidReconfigureDecoder, tcuvidReconfigureDecoder,                       \
      "cuvidReconfigureDecoder")                                               \
    X(cuvidDecodePicture, tcuvidDecodePicture, "cuvidDecodePicture")           \
    X(cuvidGetDecodeStatus, tcuvidGetDecodeStatus, "cuvidGetDecodeStatus")     \
    X(cuvidMapVideoFrame, tcuvidMapVideoFrame64, "cuvidMapVideoFrame64")       \
    X(cuvidUnmapVideoFrame, tcuvidUnmapVideoFrame64, "cuvidUnmapVideoFrame64") \
    X(cuvidCreateVideoParser, tcuvidCreateVideoParser,                         \
      "cuvidCreateVideoParser")                                                \
    X(cuvidParseVideoData, tcuvidParseVideoData, "cuvidParseVideoData")        \
    X(cuvidDestroyVideoParser, tcuvidDestroyVideoParser,                       \
      "cuvidDestroyVideoParser")

typedef struct gvd_driver {
#define GVD_DRIVER_MEMBER(member, type, symbol) type *member;
    GVD_CUDA_FUNCTIONS(GVD_DRIVER_MEMBER)
    GVD_NVCUVID_FUNCTIONS(GVD_DRIVER_MEMBER)
#undef GVD_DRIVER_MEMBER
} gvd_driver;

// Loads and initialises once for the process; NULL with the reason in err,
// GVD_ERR_NOT_FOUND where there is no NVIDIA driver or GPU at all. In a child
// that was forked from a process that used it, there is none either.
const gvd_driver *gvd_driver_get(gvd_error *err);

// True where the driver was loaded by a process that this one was forked from:
// what that one left behind must not be touched.
bool gvd_driver_is_inherited(void);

// Out of memory is GVD_ERR_NO_MEMORY, what a capturing stream does not allow
// GVD_ERR_UNSUPPORTED, the rest GVD_ERR_DRIVER.
int gvd_driver_check(CUresult result, const char *call, gvd_error *err);

// rc = CU(err, drv->cuMemAlloc(&p, n)); if (rc < 0) goto fail;
#if defined(GVD_DRIVER_FAULTS) // a build for tests: one call fails unmade
bool gvd_driver_fault(void);
#define CU(err, call)                                                          \
    gvd_driver_check(gvd_driver_fault() ? (CUresult)999 : (call), #call, err)
#else
#define CU(err, call) gvd_driver_check((call), #call, err)
#endif
