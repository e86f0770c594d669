#ifndef ASURA_CHDF5_SHIM_H
#define ASURA_CHDF5_SHIM_H

#include <hdf5.h>
// Dimension scales live in the high-level library; its header needs hdf5.h first.
#include <H5DSpublic.h>

// Swift imports no macro that expands to a variable, a cast or a library call, and most HDF5
// constants do (they open the library first). Each wrapper below returns one of them.

// Number types in this machine's byte order: used in memory and in files.
static inline hid_t asura_h5t_float32(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t asura_h5t_float64(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t asura_h5t_int32(void) { return H5T_NATIVE_INT32; }
static inline hid_t asura_h5t_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t asura_h5t_uint64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t asura_h5t_uint8(void) { return H5T_NATIVE_UINT8; }
// The C string type that a variable-length UTF-8 type is copied from.
static inline hid_t asura_h5t_string(void) { return H5T_C_S1; }
// The size that makes a string type variable-length: a cast of −1.
static inline size_t asura_h5t_variable(void) { return H5T_VARIABLE; }

// Property list classes: macros that open the library.
static inline hid_t asura_h5p_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t asura_h5p_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t asura_h5p_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t asura_h5p_dataset_create(void) { return H5P_DATASET_CREATE; }
// The default property list: a cast of 0.
static inline hid_t asura_h5p_default(void) { return H5P_DEFAULT; }

// File access flags: macros that open the library.
static inline unsigned asura_h5f_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned asura_h5f_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned asura_h5f_exclusive(void) { return H5F_ACC_EXCL; }

// Single writer, multiple readers (SWMR): reading a file while it is written.
static inline unsigned asura_h5f_follow(void) { return H5F_ACC_SWMR_READ; }

// Dataspace constants: casts of −1 and 0.
static inline hsize_t asura_h5s_unlimited(void) { return H5S_UNLIMITED; }
static inline hid_t asura_h5s_all(void) { return H5S_ALL; }

// The default error stack: a cast of 0.
static inline hid_t asura_h5e_default(void) { return H5E_DEFAULT; }

// Whether a link is a hard one. H5Lget_info and its struct have other names from HDF5 1.12 on,
// which only the macros hide.
static inline int asura_h5l_is_hard(hid_t group, const char *name) {
  H5L_info_t info;
  if (H5Lget_info(group, name, &info, H5P_DEFAULT) < 0) return -1;
  return info.type == H5L_TYPE_HARD;
}

// Gives back the memory of variable-length strings: H5Dvlen_reclaim is renamed from 1.12 on.
static inline herr_t asura_h5_reclaim(hid_t type, hid_t space, void *buffer) {
#if H5_VERSION_GE(1, 12, 0)
  return H5Treclaim(type, space, H5P_DEFAULT, buffer);
#else
  return H5Dvlen_reclaim(type, space, H5P_DEFAULT, buffer);
#endif
}

#endif
