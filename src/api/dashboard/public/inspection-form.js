// The login to a legacy server: what an operator has who has nothing else.
import { h } from './dom.js';
import { checkField, numberField, textField } from './fields.js';
import { actButton } from './panel.js';

/** Where a secret lies, as the workers see it. Whoever pastes the secret itself is told so before anything is sent. */
const REFERENCE = {
  pattern: '(file:/.+|env:[A-Z][A-Z0-9_]*)',
  title: 'file:/path or env:NAME, never the secret itself',
};

const OLD_ALGORITHMS = 'legacyAlgorithms';

const makeFields = () => [
  textField({
    name: 'id',
    label: 'Name of the server here',
    required: true,
    hint: 'Lower-case letters, digits and dashes, such as depot.',
    pattern: '[a-z0-9][a-z0-9\\-]{0,62}',
    title: 'Lower-case letters, digits and dashes',
  }),
  textField({ name: 'host', label: 'Host', required: true, hint: 'Where sshd runs.', maxLength: 255 }),
  numberField({ name: 'port', label: 'Port of sshd (optional)', min: 1, max: 65_535, hint: '22, when left empty.' }),
  textField({ name: 'user', label: 'Login', required: true, hint: 'The user there.', maxLength: 64 }),
  textField({
    name: 'privateKeyRef',
    label: 'Private key',
    required: true,
    hint: 'Where the workers find it, such as file:/run/secrets/fleetgraph/depot.',
    ...REFERENCE,
  }),
  textField({ name: 'mysqlUser', label: 'MySQL user', required: true, maxLength: 64 }),
  textField({
    name: 'mysqlPasswordRef',
    label: 'MySQL password (optional)',
    hint: 'Where the workers find it. Empty: the login’s own .my.cnf has it.',
    ...REFERENCE,
  }),
  textField({
    name: 'mysqlHost',
    label: 'Host of MySQL (optional)',
    hint: 'Seen from the host above: 127.0.0.1, when left empty.',
    maxLength: 255,
  }),
  numberField({
    name: 'mysqlPort',
    label: 'Port of MySQL (optional)',
    min: 1,
    max: 65_535,
    hint: '3306, when left empty.',
  }),
  textField({
    name: 'mysqlTls',
    label: 'TLS to MySQL (optional)',
    hint: 'off, required or ca:/path of a CA certificate there. Empty: as the two agree.',
    pattern: '(off|required|ca:/[A-Za-z0-9_.\\/\\-]{1,200})',
    title: 'off, required or ca:/path',
  }),
  textField({ name: 'database', label: 'Database (optional)', hint: 'Look into this one only.', maxLength: 64 }),
  textField({
    name: 'timeZone',
    label: 'Time zone (optional)',
    hint: 'Of times that carry none, such as Asia/Yakutsk. Empty: the host is asked.',
    maxLength: 100,
  }),
  checkField({ name: OLD_ALGORITHMS, label: 'The host is from before 2015: allow SHA-1 key exchange and host keys' }),
];

/** `submit` gets the login. `accept` returns it with a host key that its reader has compared; the key counts for this host and port. */
export function createLoginForm(submit) {
  const accepted = new Map();
  const fields = makeFields();
  const read = () => {
    const { [OLD_ALGORITHMS]: old, ...plain } = Object.fromEntries(
      fields.map(({ name, read: value }) => [name, value()]),
    );
    const login = old ? { ...plain, limits: { legacyAlgorithms: true } } : plain;
    const hostKey = accepted.get(placeOf(login));
    return hostKey === undefined ? login : { ...login, hostKeyFingerprints: [hostKey] };
  };
  const go = actButton('inspect', 'Inspect', () => {}, { kind: 'primary' });
  go.type = 'submit';
  const element = h(
    'form',
    { class: 'login-form', 'aria-labelledby': 'inspection-title' },
    h(
      'div',
      { class: 'login-fields' },
      fields.map(({ element: field }) => field),
    ),
    h('div', { class: 'actions' }, go),
  );
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!go.disabled) submit(read());
  });
  return {
    element,
    accept(hostKey) {
      accepted.set(placeOf(read()), hostKey);
      return read();
    },
    busy: (is) => void (go.disabled = is),
    focus: () => fields[0].input.focus(),
  };
}

const placeOf = ({ host, port }) => `${host} ${port ?? ''}`;
