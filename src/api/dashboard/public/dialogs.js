// Dialogs ask for what an act needs before it is done. A dialog stays open while the API refuses.
import { h, show } from './dom.js';

/**
 * Asks for `fields` and calls `submit` with their values. Success, Cancel and Escape close the dialog. The browser then returns the focus
 * to the element that had it.
 */
export function ask({ title, lead = null, fields = [], confirm, danger = false, submit }) {
  const error = h('p', { class: 'form-error', role: 'alert', hidden: true });
  const go = h('button', { type: 'submit', class: danger ? 'button danger' : 'button primary' }, confirm);
  const back = h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Cancel');
  const form = h(
    'form',
    { method: 'dialog' },
    h('h2', { id: 'dialog-title' }, title),
    lead === null ? null : h('p', {}, lead),
    fields.map(({ element }) => element),
    error,
    h('div', { class: 'dialog-actions' }, back, go),
  );
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, form);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt();
  });

  const attempt = async () => {
    if (go.disabled) return;
    go.disabled = true;
    show(error, false);
    try {
      await submit(Object.fromEntries(fields.map(({ name, read }) => [name, read()])));
      dialog.close();
    } catch (refused) {
      error.textContent = refused.message;
      show(error, true);
    } finally {
      go.disabled = false;
    }
  };

  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  const [first] = fields;
  (first === undefined ? (danger ? back : go) : first.input).focus();
}

const SHOWN_MS = 8_000;

/** Says for a while what was done, also to a screen reader. */
export function notify(message, kind = 'done') {
  const toast = h('p', { class: `toast ${kind}` }, message);
  document.getElementById('toasts').append(toast);
  setTimeout(() => toast.remove(), SHOWN_MS);
}
