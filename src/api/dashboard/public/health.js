// Shows whether the servers behind the API answer.
import { h, setAttribute, setText } from './dom.js';
import { poll } from './poll.js';

const EVERY_MS = 5_000;
const NAMES = { postgres: 'PostgreSQL', redis: 'Redis', temporal: 'Temporal' };

export function watchHealth() {
  const list = document.getElementById('health');
  const items = new Map(
    Object.entries(NAMES).map(([id, name]) => {
      const word = h('span', { class: 'unseen' });
      return [id, { word, element: h('li', { 'data-up': 'unknown' }, h('span', { class: 'dot' }), name, word) }];
    }),
  );
  list.replaceChildren(...[...items.values()].map(({ element }) => element));
  const write = (id, state) => {
    const { element, word } = items.get(id);
    setAttribute(element, 'data-up', state);
    setText(
      word,
      { up: ' answers', degraded: ' is degraded', down: ' does not answer', unknown: ': not known' }[state],
    );
  };
  const asking = poll(
    async (signal) => {
      // While PostgreSQL is down, the answer is a 503 with the same body.
      const response = await fetch('/health/ready', { signal, cache: 'no-cache', credentials: 'omit' }).catch(
        () => null,
      );
      const checks = (await response?.json().catch(() => null))?.checks ?? [];
      for (const id of items.keys()) write(id, checks.find(({ name }) => name === id)?.status ?? 'unknown');
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
