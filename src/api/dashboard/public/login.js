// The login. The user pastes a key; the page tries it and keeps it for this tab.
import { Api } from './api.js';
import { h, show } from './dom.js';
import { keepKey } from './session.js';

/** Asks for a key until the API accepts one. Then calls `onSession` with the session and its requests. */
export function createLogin(onSession, message = null) {
  const input = h('input', {
    id: 'key',
    type: 'password',
    name: 'key',
    required: true,
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': 'key-hint',
  });
  const error = h('p', { class: 'form-error', role: 'alert', hidden: message === null }, message ?? '');
  const button = h('button', { type: 'submit', class: 'button primary' }, 'Log in');
  const form = h(
    'form',
    { class: 'login', 'aria-labelledby': 'login-title' },
    h('h2', { id: 'login-title' }, 'Log in'),
    h('div', { class: 'field' }, h('label', { for: 'key' }, 'API key'), input),
    h(
      'p',
      { class: 'hint', id: 'key-hint' },
      'It stays in this tab until you log out or close it. An administrator makes one by ',
      h('code', {}, 'fleetgraph api-keys create <name> --role operator'),
      '.',
    ),
    error,
    button,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt();
  });

  const attempt = async () => {
    const key = input.value.trim();
    const api = new Api(key);
    button.disabled = true;
    show(error, false);
    try {
      const session = await api.get('/api/v1/session');
      keepKey(key);
      onSession(session, api);
    } catch (refused) {
      error.textContent = refused.message;
      show(error, true);
      input.select();
      input.focus();
    } finally {
      button.disabled = false;
    }
  };
  return { element: form, focus: () => input.focus() };
}
