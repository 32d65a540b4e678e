// The settings: what each does, what it may be, and for an admin a change with its reason.
import { ask } from './dialogs.js';
import { h, reconcile, row, setText, show, table } from './dom.js';
import { reasonField, searchField, selectField, textField } from './fields.js';
import { NOTHING, relative } from './format.js';
import { actButton, createPanel } from './panel.js';
import { pollInto } from './poll.js';

const PATH = '/api/v1/settings';
const EVERY_MS = 15_000;

const COLUMNS = [
  { label: 'Setting', className: 'name' },
  { label: 'Value', className: 'number' },
  { label: 'By default', className: 'number' },
  { label: 'Allowed', className: 'words' },
  { label: 'Changed', className: 'number' },
  { label: 'Actions', className: 'links', hidden: true },
];

export function createSettingsPanel(context) {
  const panel = createPanel('settings', 'Settings');
  const { element: list, body } = table('Settings with their values and bounds', COLUMNS);
  const none = h('p', { class: 'state', 'data-state': 'empty' }, '');
  let known = [];
  const change = (setting) => askValue(context, setting, () => asking.kick());
  const draw = () => {
    const shown = known.filter(filter.takes);
    reconcile(body, shown, {
      key: ({ key }) => key,
      create: (setting) => create(context, () => change(known.find(({ key }) => key === setting.key))),
      update: (line, setting) => update(line, setting, context.api.now()),
    });
    setText(none, filter.used() ? 'No setting has that in its name or its description.' : 'All are as by default.');
    show(none, shown.length === 0);
    show(list, shown.length > 0);
  };
  const filter = createFilter(draw);
  panel.body.append(filter.element, none, list);
  const look = async (signal) => {
    known = (await context.api.get(PATH, { signal })).settings;
    draw();
  };
  const asking = pollInto(panel, look, () => EVERY_MS);
  return { element: panel.element, kick: asking.kick, stop: asking.stop };
}

/** Without a word to look for, those that are not as by default. */
function createFilter(changed) {
  const search = searchField({
    label: 'Name or description contains',
    hint: 'Without a word: what is not as by default.',
    changed,
  });
  const wanted = () => search.read().toLowerCase();
  const element = h('div', { class: 'filter', role: 'search', 'aria-label': 'Settings' }, search.element);
  return {
    element,
    used: () => wanted() !== '',
    takes: ({ key, description, value, default: usual }) =>
      wanted() === '' ? value !== usual : `${key} ${description}`.toLowerCase().includes(wanted()),
  };
}

function create(context, onChange) {
  const line = row(COLUMNS);
  if (context.may('admin'))
    line.lastElementChild.append(actButton('change-setting', 'Change…', onChange, { kind: 'small' }));
  return line;
}

const shownValue = (value) => (value === '' ? '(empty)' : String(value));

function update(line, { key, value, default: usual, allowed, description, updatedAt }, now) {
  const [name, current, standard, bounds, when, actions] = line.children;
  setText(name, key);
  name.title = description;
  setText(current, shownValue(value));
  setText(standard, shownValue(usual));
  setText(bounds, allowed);
  setText(when, updatedAt === null ? NOTHING : relative(updatedAt, now));
  actions.firstElementChild?.setAttribute('aria-label', `Change ${key}`);
}

function askValue(context, { key, value, type, allowed, description }, changed) {
  const label = `Value: ${allowed}`;
  const field =
    type === 'boolean'
      ? selectField({ name: 'value', label, options: ['true', 'false'].map((each) => ({ value: each, label: each })) })
      : textField({ name: 'value', label, required: type === 'number', maxLength: 100_000 });
  field.input.value = String(value);
  ask({
    title: key,
    lead: description,
    fields: [field, reasonField(true)],
    confirm: 'Change',
    submit: async ({ value: written = '', reason }) => {
      await context.api.send('PUT', `${PATH}/${encodeURIComponent(key)}`, { value: typed(type, written), reason });
      context.notify(`${key} is changed. Running syncs follow within seconds.`);
      changed();
    },
  });
}

/** What the API takes for a setting of this type. */
function typed(type, written) {
  if (type === 'boolean') return written === 'true';
  if (type !== 'number') return written;
  // Number() takes blanks for 0, and hexadecimal digits.
  if (!/^-?\d+(\.\d+)?$/.test(written)) throw new Error('Give a number, in digits.');
  return Number(written);
}
