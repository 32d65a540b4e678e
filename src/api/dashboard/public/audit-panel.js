// Who did what, when and why: for admins, the latest first.
import { h, reconcile, row, setText, show, table } from './dom.js';
import { searchField } from './fields.js';
import { NOTHING } from './format.js';
import { writeAge } from './moments.js';
import { createPanel } from './panel.js';
import { pollInto } from './poll.js';

const PATH = '/api/v1/audit';
const EVERY_MS = 10_000;
const A_PAGE = 20;
const MOST = 200;

const COLUMNS = [
  { label: 'When', className: 'name' },
  { label: 'Who', className: 'status' },
  { label: 'Did', className: 'status' },
  { label: 'To', className: 'words' },
  { label: 'Because', className: 'words' },
];

export function createAuditPanel(context) {
  const panel = createPanel('audit', 'Audit');
  const { element: list, body } = table('Acts of operators and of the product, the latest first', COLUMNS);
  const none = h('p', { class: 'state', 'data-state': 'empty' }, 'No such act is kept.');
  const filter = createFilter(() => asking.kick());
  let most = A_PAGE;
  const showMore = () => {
    most = Math.min(MOST, most * 2);
    asking.kick();
  };
  const more = h('button', { type: 'button', class: 'button', onclick: showMore }, 'Show more');
  const older = h('p', { class: 'hint' }, `Older acts: GET ${PATH}, page by page, or the table audit_log.`);
  panel.body.append(filter.element, none, list, more, older);
  const look = async (signal) => {
    const query = new URLSearchParams({ limit: String(most), ...filter.read() });
    const { entries, next } = await context.api.get(`${PATH}?${query}`, { signal });
    reconcile(body, entries, {
      key: ({ id }) => id,
      create: () => row(COLUMNS),
      update: (line, entry) => update(line, entry, context.api.now()),
    });
    show(none, entries.length === 0);
    show(list, entries.length > 0);
    show(more, next !== null && most < MOST);
    show(older, next !== null && most >= MOST);
  };
  const asking = pollInto(panel, look, () => EVERY_MS);
  return { element: panel.element, kick: asking.kick, stop: asking.stop };
}

function createFilter(changed) {
  const fields = [
    { name: 'actor', ...searchField({ label: 'Who, exactly', changed }) },
    { name: 'action', ...searchField({ label: 'Act, exactly', changed }) },
  ];
  const element = h(
    'div',
    { class: 'filter', role: 'search', 'aria-label': 'Audit' },
    fields.map((field) => field.element),
  );
  const read = () => Object.fromEntries(fields.map((field) => [field.name, field.read()]).filter(([, word]) => word));
  return { element, read };
}

function update(line, { at, actor, action, subject, reason, details }, now) {
  const [when, who, did, to, because] = line.children;
  writeAge(when, at, now, NOTHING);
  setText(who, actor);
  setText(did, action);
  setText(to, subject);
  to.title = Object.keys(details).length === 0 ? '' : JSON.stringify(details);
  setText(because, reason ?? NOTHING);
}
