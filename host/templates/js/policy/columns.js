// The view's columns by vertex: what a policy usually asks for, with names.

/**
 * @typedef {object} Vertex One vertex of the job.
 * @property {string} id Flink's id of it.
 * @property {string} name Its name as Flink shows it.
 * @property {number} parallelism What it has now, at least 1.
 * @property {number} maxParallelism The most that it can have: its number of key groups.
 * @property {number} sourcePartitions Partitions that it reads; 0 where there are none or they are not known.
 * @property {string | undefined} slotSharingGroup Not there where the cluster does not tell.
 * @property {boolean} excluded Whether it must stay as it is.
 */

/** @returns {Vertex[]} Every vertex, each after its inputs. */
export function vertices(view) {
  const names = view.names();
  const parallelism = view.parallelism();
  const maxParallelism = view.maxParallelism();
  const sourcePartitions = view.sourcePartitions();
  const slotSharingGroups = view.slotSharingGroups();
  const excluded = view.excluded();
  return view.vertices().map((id, index) => ({
    id,
    name: names[index],
    parallelism: parallelism[index],
    maxParallelism: maxParallelism[index],
    sourcePartitions: sourcePartitions[index],
    slotSharingGroup: slotSharingGroups[index],
    excluded: excluded[index],
  }));
}

/**
 * A metric by vertex, in the order of `vertices`: its samples over the window, oldest first. NaN where there is no value;
 * no samples at all of a metric that the host does not collect.
 *
 * @returns {number[][]}
 */
export function samples(view, metric) {
  const values = view.metric(metric) ?? [];
  const lists = view.vertices().map(() => []);
  for (let entry = 0; entry < values.length; entry++) {
    lists[entry % lists.length].push(values[entry]);
  }
  return lists;
}

/** The mean of the values that are there, summed in their order; NaN where there are none. */
export function mean(values) {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (!Number.isNaN(value)) {
      sum += value;
      count += 1;
    }
  }
  return sum / count;
}
