// The rule: a vertex that is busy for too much or too little of the time gets as many subtasks as bring it to a target.

import { mean } from './columns.js';

const NUMBER = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;

/** What a job's options say, and what is wrong with them: a default stands for each that is. */
export function read(options) {
  const texts = new Map(options);
  const wrong = [];
  const number = (key, otherwise) => {
    const text = texts.get(key);
    if (text === undefined) return otherwise;
    const value = NUMBER.test(text.trim()) ? Number(text) : NaN;
    if (Number.isFinite(value) && value > 0) return value;
    wrong.push(`\`${key}\` must be a positive number, not \`${text}\``);
    return otherwise;
  };
  const bounds = {
    target: number('rule.target-load', 0.7),
    low: number('rule.low', 0.5),
    high: number('rule.high', 0.9),
  };
  return { bounds, wrong };
}

/**
 * Judges one vertex by its loads over the window, oldest first: the mean load, NaN where it is not known; the parallelism
 * that would bring it to the target, 0 where the load is not known; the one that it is to have, which is that of now unless
 * the load is outside of its bounds.
 */
export function judge(vertex, loads, bounds) {
  const load = mean(loads);
  if (vertex.excluded || Number.isNaN(load)) {
    return { mean: NaN, wanted: 0, isOutside: false, target: vertex.parallelism };
  }
  const fitting = Math.ceil((vertex.parallelism * load) / bounds.target);
  const wanted = Math.min(Math.max(fitting, 1), vertex.maxParallelism);
  const isOutside = load < bounds.low || load > bounds.high;
  return { mean: load, wanted, isOutside, target: isOutside ? wanted : vertex.parallelism };
}
