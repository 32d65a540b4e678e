// What an inspection found: the way there, tables, the mapping, rows as they would arrive, and what is in doubt.
import { h, row, table } from './dom.js';
import { NOTHING, plural, sentence, short } from './format.js';
import { actButton } from './panel.js';

/** A tenth of a metre, in degrees. */
const PLACES = 6;
const FOUND = [
  { label: 'Tables', className: 'name' },
  { label: 'System', className: 'system' },
  { label: 'Layout', className: 'layout' },
  { label: 'Alike', className: 'number' },
  { label: 'Engine', className: 'engine' },
  { label: 'Rows, estimated', className: 'number' },
  { label: 'Actions', className: 'links', hidden: true },
];
const MAPPING = [
  { label: 'Meaning', className: 'name' },
  { label: 'Column', className: 'column' },
  { label: 'Read as', className: 'read-as' },
];

/** `accept` goes on with the host's key, `propose` with another of the tables. */
export function createReport(inspection, { accept, propose }) {
  const title = h('h3', { tabindex: '-1' }, titleOf(inspection));
  const { steps, failure, hostKey, found, more, proposal } = inspection;
  const parts = [
    title,
    steps.length === 0 ? null : h('ol', { class: 'steps', 'aria-label': 'The way there' }, steps.map(item)),
    failure === null ? null : h('p', { class: 'form-error' }, h('strong', {}, `${failure.code}: `), failure.message),
    hostKey === null ? null : compareKey(hostKey, accept),
    found.length === 0 ? null : foundTables({ found, more, proposal }, propose),
    proposal === null ? null : proposed(proposal),
  ];
  const element = h('div', { class: 'inspection-report' }, parts);
  return { element, focus: () => title.focus() };
}

function titleOf({ outcome, found, proposal }) {
  if (outcome === 'compare-host-key') return 'Is this the host that is meant?';
  if (outcome === 'failed') return 'The way ended here.';
  if (proposal === null) return 'No table looks like positions.';
  const { database, table: name } = proposal.tables;
  return `${plural(found.length, 'group')} of tables found; proposed is ${database}.${name}`;
}

const item = (text) => h('li', {}, sentence(text));

const compareKey = (hostKey, accept) =>
  h(
    'div',
    { class: 'notice' },
    h('p', {}, 'It shows this key, and nothing was sent to it yet: ', h('code', {}, hostKey)),
    h(
      'p',
      { class: 'hint' },
      'Compare it on the host’s console with the output of ',
      h('code', {}, 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub'),
      ', or the key of that kind.',
    ),
    actButton('accept-host-key', 'It is the same: go on', accept, { kind: 'primary' }),
  );

function foundTables({ found, more, proposal }, propose) {
  const { element, body } = table('Tables that look like positions', FOUND, 'found-list');
  for (const each of found) {
    const chosen = proposal !== null && isSame(each, proposal.tables);
    const line = row(FOUND, chosen ? { class: 'chosen' } : {});
    const place = `${each.database}.${each.table}`;
    const rows = each.estimatedRows === null ? NOTHING : short(each.estimatedRows);
    const texts = [place, each.system, each.layout, each.tables, each.engine, rows];
    texts.forEach((text, at) => line.children[at].append(String(text)));
    if (each.columns) line.querySelector('.engine').append(shapeOf(each));
    line.lastElementChild.append(
      chosen
        ? h('span', { class: 'badge good' }, 'proposed')
        : actButton('propose', 'Propose', () => propose(each), { kind: 'small', name: `Propose ${place}` }),
    );
    body.append(line);
  }
  const left = more === 0 ? null : h('p', { class: 'hint' }, `${plural(more, 'more group')} of tables`);
  return h('div', {}, element, left);
}

const shapeOf = ({ columns, indexes }) =>
  h(
    'details',
    {},
    h('summary', {}, `${plural(columns.length, 'column')}, ${plural(indexes.length, 'index', 'indexes')}`),
    h('p', { class: 'hint' }, `Columns: ${columns.join(', ')}`),
    h('p', { class: 'hint' }, `Indexes: ${indexes.join('; ') || 'none'}`),
  );

const isSame = (one, other) => one.database === other.database && one.table === other.table;

function proposed({ server, rows, told, unsure, hurts }) {
  const mapping =
    server === null
      ? h('p', { class: 'form-error' }, 'No mapping: a column that every sync needs was not found.')
      : mappingOf(server);
  return h(
    'div',
    { class: 'inspection-report' },
    part('How it would be read', mapping),
    rows.length === 0 ? null : part('Rows as they would arrive', rowsOf(rows)),
    list('What would hurt', hurts, 'bad'),
    list('Unsure', unsure),
    list('What the rows tell', told),
  );
}

const part = (title, ...content) => h('div', { class: 'inspection-part' }, h('h4', {}, title), ...content.flat());

function list(title, sentences, kind = '') {
  if (sentences.length === 0) return null;
  const items = sentences.map((text) => h('li', {}, withStatements(sentence(text))));
  return part(title, h('ul', { class: `sentences ${kind}`.trim() }, items));
}

/** A statement that an operator copies stands as code. */
const withStatements = (text) =>
  text
    .split(/(CREATE INDEX [^()]*\([^()]*\))/)
    .map((piece) => (piece.startsWith('CREATE INDEX') ? h('code', {}, `${piece};`) : piece));

function mappingOf({ columns, timeZone }) {
  const { element, body } = table('The proposed mapping', MAPPING, 'mapping-list');
  for (const [meaning, source] of Object.entries(columns)) {
    const line = row(MAPPING);
    const { column, ...how } = typeof source === 'object' && 'column' in source ? source : { column: source };
    const texts = [meaning, typeof column === 'string' ? column : pairs(column), pairs(how)];
    texts.forEach((text, at) => line.children[at].append(text));
    body.append(line);
  }
  return [element, h('p', { class: 'hint' }, `Times without a zone are those of ${timeZone}.`)];
}

/** What changes nothing is left out. */
const changesNothing = (name, value) => value === false || (name === 'factor' && value === 1);

/** `{ unit: 'knots' }` is "unit: knots", and `{ note: 'note' }` is "note". */
const pairs = (values) =>
  Object.entries(values)
    .filter(([name, value]) => !changesNothing(name, value))
    .map(([name, value]) => (name === value ? name : `${name}: ${textOf(value)}`))
    .join(', ');

const textOf = (value) => (typeof value === 'object' ? JSON.stringify(value) : value);

function rowsOf(rows) {
  const names = [...new Set(rows.flatMap((each) => Object.keys(each)))].filter((name) =>
    rows.some((each) => each[name] !== null && each[name] !== undefined),
  );
  const classOf = (name) =>
    typeof rows[0][name] === 'number' ? 'number' : ['time', 'receivedAt'].includes(name) ? 'moment' : null;
  const columns = names.map((name) => ({ label: name, className: classOf(name) }));
  const { element, body } = table('Rows as they would arrive', columns, 'sample-list');
  for (const each of rows) {
    const line = row(columns);
    names.forEach((name, at) => line.children[at].append(shown(each[name])));
    body.append(line);
  }
  // A row may have more columns than the window has room for.
  return h(
    'div',
    { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': 'Rows as they would arrive' },
    element,
  );
}

function shown(value) {
  if (value === null || value === undefined) return NOTHING;
  // A FLOAT of the source has digits that nobody measured.
  if (typeof value === 'number') return String(Number(value.toFixed(PLACES)));
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
