// A policy for tidegate that scales a job as a whole, by its backlog: this file speaks with the host, `rule.js` decides.

import { mean, samples, vertices } from './columns.js';
import { DEFAULTS, judge } from './rule.js';

export const scaling = {
  describe() {
    return { name: 'js-backlog-policy', version: '0.1.0', summary: 'keeps the backlog of a job short, and its workers busy' };
  },

  checkOptions(options) {
    return read(options).wrong;
  },

  decide(view) {
    const { options } = read(view.options(['backlog.']));
    const all = vertices(view);
    const seen = signals(view, all);
    const answer = judge(seen, options);
    const targets = all.map((vertex) =>
      vertex.excluded ? vertex.parallelism : Math.min(answer.workers, vertex.maxParallelism));
    const scalar = (metric, value) => ({ metric, current: value, average: value });
    return {
      verdict: verdict(view, all, targets, answer.why),
      recommended: targets,
      evaluated: [],
      evaluatedGlobal: [
        scalar('BACKLOG', seen.backlog),
        scalar('BACKLOG_GROWTH', seen.growth),
        scalar('THROUGHPUT', seen.throughput),
        scalar('LOAD', seen.load),
      ],
      events: [],
      state: [],
    };
  },
};

function verdict(view, all, targets, why) {
  if (view.now() < view.windowFullAt()) return { tag: 'hold', val: 'the window is not full yet' };
  if (all.every((vertex, index) => vertex.parallelism === targets[index])) return { tag: 'hold', val: why };
  return { tag: 'scale', val: all.map((vertex, index) => ({ vertex: vertex.id, parallelism: targets[index] })) };
}

/** The signals of the whole job over the window: its sources' backlog and throughput, its busiest vertex' load. */
function signals(view, all) {
  const times = view.sampleTimes();
  const seconds = Number(times[times.length - 1] - times[0]) / 1000;
  const sources = new Set(all.keys());
  for (const edge of view.edges()) sources.delete(edge.to);
  const ofSources = (lists) => lists.filter((_, index) => sources.has(index));
  const known = (values) => values.filter((value) => !Number.isNaN(value));
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const change = (values) => (values.length > 1 && seconds > 0 ? (values.at(-1) - values[0]) / seconds : NaN);

  const lags = ofSources(samples(view, 'LAG')).map(known).filter((its) => its.length > 0);
  // A source of Flink's counts what it reads as records out, some as records in, too.
  const read = ofSources(samples(view, 'NUM_RECORDS_OUT')).map(known).filter((its) => its.length > 0);
  const loads = samples(view, 'LOAD').map(mean).filter((load) => !Number.isNaN(load));
  return {
    workers: Math.max(...all.map((vertex) => vertex.parallelism)),
    backlog: lags.length > 0 ? sum(lags.map((its) => its.at(-1))) : NaN,
    growth: sum(lags.map(change)),
    throughput: sum(read.map(change)),
    load: loads.length > 0 ? Math.max(...loads) : NaN,
  };
}

/** What a job's options say, and what is wrong with them: a default stands for each that is. */
function read(given) {
  const options = { ...DEFAULTS };
  const wrong = [];
  for (const [key, text] of given) {
    if (!(key in DEFAULTS)) continue;
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value > 0) options[key] = value;
    else wrong.push(`\`${key}\` must be a positive number, not \`${text}\``);
  }
  return { options, wrong };
}
