// A policy for tidegate: this file speaks with the host, `rule.c` decides.
//
// Every call has a fresh instance, so that nothing has to be freed here. What is answered is freed by the bindings: it
// must come from `malloc`, as what `policy_string_dup` makes does.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gen/policy.h"
#include "rule.h"

// The contract's names are long, so that they never meet; these are the ones that are used below.
typedef exports_tidegate_policy_scaling_description_t description_t;
typedef exports_tidegate_policy_scaling_decision_t decision_t;
typedef exports_tidegate_policy_scaling_failure_t failure_t;
typedef exports_tidegate_policy_scaling_verdict_t verdict_t;
typedef exports_tidegate_policy_scaling_target_t target_t;
typedef exports_tidegate_policy_scaling_column_t column_t;
typedef exports_tidegate_policy_scaling_borrow_view_t view_t;
typedef policy_list_tuple2_string_string_t options_t;
#define VIEW(name) tidegate_policy_observation_method_view_##name

static void *list(size_t count, size_t size) {
  void *list = calloc(count + 1, size);
  if (!list) abort();
  return list;
}

static bool is(policy_string_t text, const char *other) {
  return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

// Reads one option into `number`, which keeps its value where the option is not set. Adds to `wrong`, if it is given, what
// is wrong with it.
static void read_option(options_t options, const char *key, double *number, policy_list_string_t *wrong) {
  for (size_t i = 0; i < options.len; i++) {
    policy_string_t text = options.ptr[i].f1;
    double value;
    if (!is(options.ptr[i].f0, key)) continue;
    if (positive_number((const char *)text.ptr, text.len, &value)) {
      *number = value;
    } else if (wrong) {
      const char *says = "` must be a positive number, not `";
      char *sentence = list(strlen(key) + strlen(says) + text.len + 3, 1);
      strcat(strcat(strcat(sentence, "`"), key), says);
      memcpy(sentence + strlen(sentence), text.ptr, text.len);
      policy_string_set(&wrong->ptr[wrong->len++], strcat(sentence, "`"));
    }
  }
}

static bounds_t read_bounds(options_t options, policy_list_string_t *wrong) {
  bounds_t bounds = {.target = 0.7, .low = 0.5, .high = 0.9};
  read_option(options, "rule.target-load", &bounds.target, wrong);
  read_option(options, "rule.low", &bounds.low, wrong);
  read_option(options, "rule.high", &bounds.high, wrong);
  return bounds;
}

void exports_tidegate_policy_scaling_describe(description_t *ret) {
  policy_string_dup(&ret->name, "{{name}}");
  policy_string_dup(&ret->version, "0.1.0");
  policy_string_dup(&ret->summary, "keeps the mean load of every vertex near a target");
}

void exports_tidegate_policy_scaling_check_options(options_t *options, policy_list_string_t *ret) {
  *ret = (policy_list_string_t){.ptr = list(options->len, sizeof(policy_string_t))};
  read_bounds(*options, ret);
}

static verdict_t hold(const char *why) {
  verdict_t verdict = {.tag = EXPORTS_TIDEGATE_POLICY_SCALING_VERDICT_HOLD};
  policy_string_dup(&verdict.val.hold, why);
  return verdict;
}

static verdict_t scale(view_t view, const vertex_t *vertices, const answer_t *answers) {
  tidegate_policy_observation_list_vertex_id_t ids;
  VIEW(vertices)(view, &ids);
  target_t *targets = list(ids.len, sizeof(target_t));
  bool is_outside = false, differs = false;
  for (size_t i = 0; i < ids.len; i++) {
    uint32_t parallelism = answers[i].is_outside ? answers[i].wanted : vertices[i].parallelism;
    targets[i] = (target_t){.vertex = ids.ptr[i], .parallelism = parallelism};
    is_outside |= answers[i].is_outside;
    differs |= parallelism != vertices[i].parallelism;
  }
  if (!is_outside) return hold("every vertex is within its bounds");
  if (!differs) return hold("the parallelism fits");
  return (verdict_t){
      .tag = EXPORTS_TIDEGATE_POLICY_SCALING_VERDICT_SCALE,
      .val.scale = {.ptr = targets, .len = ids.len},
  };
}

bool exports_tidegate_policy_scaling_decide(view_t view, decision_t *ret, failure_t *err) {
  (void)err;  // For `return false`: why there is no decision.
  policy_string_t text;
  options_t options;
  policy_string_set(&text, "rule.");
  VIEW(options)(view, &(policy_list_string_t){.ptr = &text, .len = 1}, &options);
  bounds_t bounds = read_bounds(options, NULL);

  policy_list_u32_t parallelism, max_parallelism;
  policy_list_bool_t excluded;
  VIEW(parallelism)(view, &parallelism);
  VIEW(max_parallelism)(view, &max_parallelism);
  VIEW(excluded)(view, &excluded);
  size_t count = parallelism.len;

  // Entry `sample * vertices + vertex`.
  policy_list_f64_t loads;
  policy_string_set(&text, "LOAD");
  if (!VIEW(metric)(view, &text, &loads)) loads.len = 0;

  vertex_t *vertices = list(count, sizeof(vertex_t));
  answer_t *answers = list(count, sizeof(answer_t));
  uint32_t *recommended = list(count, sizeof(uint32_t));
  column_t *column = list(1, sizeof(column_t));
  policy_string_dup(&column->metric, "MEAN_LOAD");
  column->current = (policy_list_f64_t){.ptr = list(count, sizeof(double)), .len = count};
  column->average = (policy_list_f64_t){.ptr = list(count, sizeof(double)), .len = count};
  for (size_t i = 0; i < count; i++) {
    vertices[i] = (vertex_t){parallelism.ptr[i], max_parallelism.ptr[i], excluded.ptr[i]};
    size_t entries = loads.len > i ? loads.len - i : 0;
    answers[i] = judge(vertices[i], loads.ptr + i, entries, count, bounds);
    recommended[i] = answers[i].wanted;
    column->current.ptr[i] = loads.len ? loads.ptr[loads.len - count + i] : NAN;
    column->average.ptr[i] = answers[i].mean;
  }

  bool is_early = VIEW(now)(view) < VIEW(window_full_at)(view);
  *ret = (decision_t){
      .verdict = is_early ? hold("the window is not full yet") : scale(view, vertices, answers),
      .recommended = {.ptr = recommended, .len = count},
      .evaluated = {.ptr = column, .len = 1},
  };
  return true;
}
