// A panel of the page: a title, buttons, and one place that says why there is nothing to see.
import { ApiError } from './api.js';
import { h, setText, show } from './dom.js';

/** Makes a section. `head` is for its status, `actions` for its buttons, and `body` for its content, which is hidden until it is ready. */
export function createPanel(id, title) {
  const status = h('div', { class: 'panel-status' });
  const actions = h('div', { class: 'actions' });
  const state = h('p', { class: 'state', 'data-state': 'loading' }, 'Loading…');
  const body = h('div', { class: 'panel-body', hidden: true });
  const heading = h('div', { class: 'panel-head' }, h('h2', { id: `${id}-title` }, title), status, actions);
  const element = h('section', { class: 'panel', id, 'aria-labelledby': `${id}-title` }, heading, state, body);
  let hasContent = false;

  const say = (kind, message) => {
    state.setAttribute('data-state', kind);
    setText(state, message);
    show(state, message !== '');
  };
  return {
    element,
    status,
    actions,
    body,
    ready() {
      hasContent = true;
      say('ready', '');
      show(body, true);
    },
    /** Says that there is nothing to show, and that this is not an error. */
    empty(message) {
      hasContent = false;
      say('empty', message);
      show(body, false);
    },
    /**
     * Keeps what is shown, and adds a line that says that it is not up to date. When the API cannot be reached, the page says so once, at
     * the top.
     */
    failed(error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.unreachable) return hasContent ? undefined : say('loading', 'Waiting for the API…');
      return say('error', `${hasContent ? 'Not up to date. ' : ''}${error.message}`);
    },
  };
}

/** The button of an act. It carries the act's name, so that a test can see from the page what a role may do. */
export const actButton = (act, label, onclick, { kind = '', name = null } = {}) =>
  h('button', { type: 'button', class: `button ${kind}`.trim(), 'data-act': act, 'aria-label': name, onclick }, label);

const KIND = {
  running: 'live',
  exporting: 'live',
  transferring: 'live',
  importing: 'live',
  completed: 'good',
  success: 'good',
  active: 'good',
  valid: 'good',
  good: 'good',
  failed: 'bad',
  'not good': 'bad',
  lost: 'bad',
  invalid: 'bad',
  error: 'bad',
  paused: 'warn',
  cancelled: 'warn',
  withdrawn: 'warn',
  held: 'warn',
  warning: 'warn',
};

export const badge = (word) => h('span', { class: `badge ${KIND[word] ?? 'plain'}` }, word);

/** A link into Temporal's Web UI, or nothing where none is configured. */
export const temporalAnchor = (href, what) =>
  href === null
    ? null
    : h(
        'a',
        {
          class: 'temporal',
          href,
          target: '_blank',
          rel: 'noreferrer',
          'aria-label': `${what} in Temporal’s Web UI (new tab)`,
        },
        'Temporal ↗',
      );

/** A bar that also gives its value to a screen reader. */
export function createBar(label) {
  const filled = h('div', { class: 'bar-fill' });
  const element = h(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 },
    filled,
  );
  let before = 0;
  return {
    element,
    set(value, stage = '') {
      const rounded = Math.round(Math.max(0, Math.min(100, value)) * 10) / 10;
      // A bar that begins again jumps to its new value instead of moving backwards.
      filled.classList.toggle('jump', rounded < before);
      filled.style.transform = `scaleX(${rounded / 100})`;
      element.setAttribute('aria-valuenow', String(Math.floor(rounded)));
      element.setAttribute('data-stage', stage);
      before = rounded;
    },
  };
}
