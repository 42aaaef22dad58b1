// An event handler for tidegate: each event becomes a line of JSON in the log, and is posted to the option `url`.

import { write } from 'tidegate:host/log@0.1.0';
import { get, names } from 'tidegate:host/options@0.1.0';

/** The options that it knows. */
const KNOWN = ['url'];

export const handler = {
  async handle(events) {
    // Before it is put in service, it is handed no events: wrong options keep it out.
    const unknown = names().find((name) => !KNOWN.includes(name));
    if (unknown !== undefined) throw `there is no option \`${unknown}\`; there is: ${KNOWN.join(', ')}`;
    const url = get('url');
    if (url !== undefined && !/^https?:\/\//.test(url)) throw `\`url\` has to be https://HOST/PATH, not \`${url}\``;
    for (const event of events) {
      const text = line(event);
      write(event.severity === 'warning' ? 'warn' : 'info', text);
      if (url !== undefined) await post(url, text);
    }
  },
};

/** One event as JSON, in one line. */
function line(event) {
  return JSON.stringify({
    at: Number(event.at),
    cluster: event.cluster,
    count: event.count,
    job: event.jobName,
    message: event.message,
    reason: event.reason,
    severity: event.severity,
  });
}

/** Posts JSON. Any status of success is one. */
async function post(url, body) {
  let response;
  try {
    response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  } catch (error) {
    throw `${url} cannot be reached (is it granted?): ${error.message}`;
  }
  if (!response.ok) throw `${url} answered ${response.status}`;
}
