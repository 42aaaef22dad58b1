// The rule: a vertex that is busy for too much or too little of the time gets as many subtasks as bring it to a target.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Between which loads a vertex is left alone, and where it is brought to.
typedef struct {
  double target, low, high;
} bounds_t;

// One vertex of a job.
typedef struct {
  uint32_t parallelism, max_parallelism;
  // Whether it must stay as it is.
  bool excluded;
} vertex_t;

// What comes of a vertex.
typedef struct {
  // The mean load; NaN where it is not known.
  double mean;
  // The parallelism that would bring it to the target; 0 where the load is not known.
  uint32_t wanted;
  // Whether the load is outside of its bounds.
  bool is_outside;
} answer_t;

// Reads a number above 0: whether the text is one.
bool positive_number(const char *text, size_t length, double *number);

// Judges one vertex by its loads over the window, oldest first: every `step`-th of `count` entries. NaN where a load is
// not known.
answer_t judge(vertex_t vertex, const double *loads, size_t count, size_t step, bounds_t bounds);
