// The rule that Palo Alto Networks published for its streaming jobs: keep up, catch up, and give back what idles.
// https://beam.apache.org/blog/apache-beam-flink-and-kubernetes-part3/ ("A Recipe for Effective Scaling")

/** What was published, but for `load`: which one a scale-down is to lead to was left open. */
export const DEFAULTS = {
  /** A backlog of more seconds than this is too much. */
  'backlog.up-after': 120,
  /** A busier job than this is too busy, whatever its backlog. */
  'backlog.up-load': 0.9,
  /** In how many seconds a backlog is to be worked off. */
  'backlog.drain': 60,
  /** A scale-down needs a backlog of fewer seconds, */
  'backlog.down-before': 10,
  /** and a load below this; */
  'backlog.down-load': 0.7,
  /** it leads to this load. */
  'backlog.load': 0.7,
  'backlog.max-workers': 128,
};

/**
 * @typedef {object} Signals What is known of a job.
 * @property {number} workers Subtasks of its widest vertex.
 * @property {number} backlog Records that wait at its sources.
 * @property {number} growth Records by which that grows in a second.
 * @property {number} throughput Records that its sources read in a second.
 * @property {number} load The busy share of its busiest vertex, 0 to 1.
 */

/**
 * How many workers a job needs, and why.
 *
 * @param {Signals} signals
 * @param {typeof DEFAULTS} options
 */
export function judge({ workers, backlog, growth, throughput, load }, options) {
  if (![backlog, growth, throughput, load].every(Number.isFinite)) {
    return { workers, why: 'backlog, throughput or load are not known' };
  }
  const seconds = backlog > 0 ? backlog / throughput : 0;
  if (seconds > options['backlog.up-after'] || load > options['backlog.up-load']) {
    const keepsUp = growth > 0 && throughput > 0 ? (workers * (growth + throughput)) / throughput : workers;
    const catchesUp = Number.isFinite(seconds) ? (workers * seconds) / options['backlog.drain'] : 0;
    const most = options['backlog.max-workers'];
    return { workers: Math.min(Math.ceil(keepsUp + catchesUp), most), why: 'the backlog or the load is too high' };
  }
  if (load < options['backlog.down-load'] && growth <= 0 && seconds < options['backlog.down-before']) {
    const enough = Math.max(Math.ceil((workers * load) / options['backlog.load']), 1);
    return { workers: Math.min(enough, workers), why: 'fewer workers are enough' };
  }
  return { workers, why: 'backlog and load are within their bounds' };
}
