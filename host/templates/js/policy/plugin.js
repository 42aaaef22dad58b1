// A policy for tidegate: this file speaks with the host, `rule.js` decides.

import { samples, vertices } from './columns.js';
import { judge, read } from './rule.js';

export const scaling = {
  describe() {
    return { name: '{{name}}', version: '0.1.0', summary: 'keeps the mean load of every vertex near a target' };
  },

  checkOptions(options) {
    return read(options).wrong;
  },

  decide(view) {
    const { bounds } = read(view.options(['rule.']));
    const all = vertices(view);
    const loads = samples(view, 'LOAD');
    const answers = all.map((vertex, index) => judge(vertex, loads[index], bounds));
    return {
      verdict: verdict(view, all, answers),
      recommended: answers.map((answer) => answer.wanted),
      evaluated: [
        {
          metric: 'MEAN_LOAD',
          current: loads.map((its) => its.at(-1) ?? NaN),
          average: answers.map((answer) => answer.mean),
        },
      ],
      evaluatedGlobal: [],
      events: [],
      state: [],
    };
  },
};

function verdict(view, all, answers) {
  const hold = (why) => ({ tag: 'hold', val: why });
  if (view.now() < view.windowFullAt()) return hold('the window is not full yet');
  if (!answers.some((answer) => answer.isOutside)) return hold('every vertex is within its bounds');
  if (all.every((vertex, index) => answers[index].target === vertex.parallelism)) return hold('the parallelism fits');
  const targets = all.map((vertex, index) => ({ vertex: vertex.id, parallelism: answers[index].target }));
  return { tag: 'scale', val: targets };
}
