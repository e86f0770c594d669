#include "dispatch.h"

// Rows of a matrix picked out by a list, and which rows a change of some reaches.

void asura_gather_rows(const void *x, const int32_t *rows, long count, long bytes, void *y) {
  for (long i = 0; i < count; i++)
    memcpy((char *)y + i * bytes, (const char *)x + rows[i] * bytes, (size_t)bytes);
}

void asura_scatter_rows(const void *x, const int32_t *rows, long count, long bytes, void *y) {
  for (long i = 0; i < count; i++)
    memcpy((char *)y + rows[i] * bytes, (const char *)x + i * bytes, (size_t)bytes);
}

long asura_reach(const int32_t *from, long count, const int32_t *table, long width, long steps,
                 int32_t *marks, int32_t mark, int32_t *reached) {
  long first = 0, end = 0;
  for (long i = 0; i < count; i++)
    if (marks[from[i]] != mark) {
      marks[from[i]] = mark;
      reached[end++] = from[i];
    }
  for (long s = 0; s < steps; s++) {
    const long last = end;
    for (; first < last; first++) {
      const int32_t *near = table + reached[first] * width;
      for (long j = 0; j < width; j++)
        if (near[j] >= 0 && marks[near[j]] != mark) {
          marks[near[j]] = mark;
          reached[end++] = near[j];
        }
    }
  }
  return end;
}
