// Tells what the admin was alerted of and is not over.
import { h, reconcile, setAttribute, setText } from './dom.js';
import { writeAge } from './moments.js';
import { poll } from './poll.js';

const EVERY_MS = 2_000;

export function watchOpenAlerts(context) {
  const list = document.getElementById('alerts');
  const create = () => h('details', {}, h('summary', {}), h('p', {}, h('span', {}), ' ', h('span', {})));
  const update = (element, { kind, level, subject, message, at }) => {
    const [summary, { children: texts }] = element.children;
    setAttribute(element, 'data-level', level);
    setText(summary, `${level === 'critical' ? 'Critical' : 'Warning'}: ${subject}`);
    // Where it is not read out each time it changes.
    writeAge(texts[0], at, context.api.now());
    setText(texts[1], `${message} docs/operations.md has an entry for it: Alert: ${kind}.`);
  };
  const key = ({ kind, about }) => `${kind} ${about}`;
  const asking = poll(
    async (signal) => {
      const { alerts } = await context.api.get('/api/v1/alerts/open', { signal });
      reconcile(list, alerts, { key, create, update });
    },
    () => EVERY_MS,
  );
  return {
    stop() {
      asking.stop();
      list.replaceChildren();
    },
  };
}
