// What the validation of a graph found.
import { fill, h } from './dom.js';
import { sentence, whole } from './format.js';
import { badge } from './panel.js';

const SHOWN_SAMPLES = 3;

export function createIssues() {
  const element = h('ul', { class: 'issues', 'aria-label': 'Findings of the validation' });
  return {
    element,
    set({ issues = [] }) {
      fill(element, JSON.stringify(issues), () =>
        issues.length === 0 ? h('li', {}, 'The validation found nothing.') : issues.map((issue) => describe(issue)),
      );
    },
  };
}

function describe({ code, severity, count, message, samples }) {
  const head = [badge(severity), h('strong', {}, ` ${code} `), h('span', { class: 'count' }, `× ${whole(count)}`)];
  if (samples.length === 0) return h('li', {}, head, h('p', {}, sentence(message)));
  const shown = samples.slice(0, SHOWN_SAMPLES).map((sample) => h('li', {}, h('code', {}, JSON.stringify(sample))));
  return h(
    'li',
    {},
    head,
    h('p', {}, sentence(message)),
    h('details', {}, h('summary', {}, 'Examples'), h('ul', {}, shown)),
  );
}
