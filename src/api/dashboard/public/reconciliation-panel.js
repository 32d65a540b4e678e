// The last comparison with the sources: what differs, by vehicle and day, and what an operator may do about it.
import { fill, h, reconcile, row, setText, show, table } from './dom.js';
import { NOTHING, plural, short, whole } from './format.js';
import { age } from './moments.js';
import { actButton, badge, createPanel, temporalAnchor } from './panel.js';
import { pollInto } from './poll.js';
import { createReconciliationActions } from './reconciliation-actions.js';

const PATH = '/api/v1/legacy-sync/reconciliations';
const QUIET_MS = 10_000;
const WHILE_RUNNING_MS = 2_000;
const VEHICLES = 20;
const IDS_SHOWN = 5;

const KINDS = [
  { label: 'Missing', className: 'number' },
  { label: 'Changed', className: 'number' },
  { label: 'Extra', className: 'number' },
  { label: 'Quarantined', className: 'number' },
];
const COLUMNS = [
  { label: 'Vehicle', className: 'name' },
  ...KINDS,
  { label: 'Found', className: 'error' },
  { label: 'Actions', className: 'links', hidden: true },
];
const DAYS = [
  { label: 'Day', className: 'name' },
  { label: 'Source / here', className: 'number' },
  ...KINDS,
  { label: 'Repaired' },
];

export function createReconciliationPanel(context) {
  const { api } = context;
  const panel = createPanel('reconciliation', 'Reconciliation');
  const acts = createReconciliationActions(context, () => asking.kick());
  const status = h('span', { class: 'run-state' });
  const about = h('div', {});
  const days = createDays(api);
  const { element: list, body } = table('Vehicles that differ from their source', COLUMNS);
  const same = h('p', { class: 'state', hidden: true });
  const more = h('p', { class: 'hint' });
  let running = false;

  const look = async (signal) => {
    const [{ reconciliations }, marked] = await Promise.all([
      api.get(`${PATH}?limit=1`, { signal }),
      api.get(`${PATH}/marked`, { signal }),
    ]);
    const [last] = reconciliations;
    running = last?.state === 'running';
    acts.set(last ?? null, marked);
    fill(status, `${last?.reconciliationId} ${last?.state}`, () => describeState(context, last));
    if (last === undefined) return 'Nothing was compared yet.';
    const found = await api.get(`${PATH}/${last.reconciliationId}/vehicles?differing=true&limit=${VEHICLES}`, {
      signal,
    });
    fill(about, JSON.stringify(last), () => describe(last, api.now()));
    reconcile(body, found.vehicles, {
      key: ({ vehicleId }) => `${last.reconciliationId} ${vehicleId}`,
      create: (vehicle) => createLine(vehicle, () => days.open(last.reconciliationId, vehicle)),
      update,
    });
    show(list, found.vehicles.length > 0);
    show(same, found.vehicles.length === 0);
    setText(same, running ? 'No vehicle differs so far.' : 'Every vehicle is as its source has it.');
    setText(
      more,
      found.next === null ? '' : `These are the first ${VEHICLES}; the command has all: fleetgraph reconcile show`,
    );
    return undefined;
  };

  panel.status.append(status);
  panel.actions.append(...acts.elements);
  panel.body.append(about, list, same, more, days.element);
  const asking = pollInto(panel, look, () => (running ? WHILE_RUNNING_MS : QUIET_MS));
  return { element: panel.element, kick: asking.kick, stop: asking.stop };
}

const describeState = (context, last) =>
  last === undefined
    ? ''
    : [badge(last.state), temporalAnchor(context.temporal(last.workflowId), 'The reconciliation')];

function describe(last, now) {
  const figure = (label, value) => h('div', { class: 'figure' }, h('dt', {}, label), h('dd', {}, value));
  const span =
    last.from === null && last.to === null ? 'all days' : `${last.from ?? 'the first day'} to ${last.to ?? 'today'}`;
  return [
    h(
      'dl',
      { class: 'figures' },
      figure('Compared', `${whole(last.compared)} of ${whole(last.vehicles)}`),
      figure('Rows at the source', short(last.sourceRows)),
      figure('Rows here', short(last.targetRows)),
      figure('Missing', short(last.missing)),
      figure('Changed', short(last.changed)),
      figure('Extra', short(last.extra)),
      figure('Quarantined', short(last.quarantined)),
      figure('Days repaired', `${whole(last.repairedDays)} of ${whole(last.differingDays)}`),
    ),
    h('p', { class: 'hint' }, `${span}, asked by ${last.requestedBy}, begun `, age(last.startedAt, now), '.'),
  ];
}

function createLine({ label }, open) {
  const line = row(COLUMNS);
  line.lastElementChild.append(
    actButton('days', 'Days', open, { kind: 'small', name: `Days of ${label} that differ` }),
  );
  return line;
}

function update(line, { label, missing, changed, extra, quarantined, findings, failure }) {
  const [name, ...cells] = line.children;
  setText(name, label);
  [missing, changed, extra, quarantined].forEach((count, at) => setText(cells[at], whole(count)));
  setText(cells[4], failure === null ? findings.join('; ') : `${failure.code}: ${failure.message}`);
  cells[4].classList.toggle('none', cells[4].textContent === '');
}

/** The days of one vehicle, with the ids of their rows. */
function createDays(api) {
  const title = h('h3', { tabindex: '-1' });
  const { element: list, body } = table('Days that differ', DAYS);
  const said = h('p', { class: 'hint', role: 'status' });
  const element = h('div', { hidden: true }, title, list, said);
  return {
    element,
    async open(reconciliationId, { vehicleId, label }) {
      setText(title, `Days of ${label} that differ`);
      try {
        const { days } = await api.get(`${PATH}/${reconciliationId}/vehicles/${vehicleId}/days`);
        reconcile(body, days, { key: ({ day }) => `${vehicleId} ${day}`, create: () => row(DAYS), update: updateDay });
        setText(said, days.length === 0 ? 'No day differs.' : '');
        show(list, days.length > 0);
      } catch (error) {
        setText(said, error.message);
      }
      show(element, true);
      title.focus();
    },
  };
}

function updateDay(line, { day, sourceRows, targetRows, missing, changed, extra, quarantined, repairedAt }) {
  const [name, rows, ...cells] = line.children;
  setText(name, day === '-infinity' ? 'No time' : day);
  setText(rows, `${whole(sourceRows)} / ${whole(targetRows)}`);
  [missing, changed, extra.map(({ id }) => id), quarantined].forEach((ids, at) => {
    fill(cells[at], JSON.stringify(ids), () => listed(ids));
  });
  setText(cells[4], repairedAt === null ? NOTHING : 'yes');
}

function listed(ids) {
  if (ids.length === 0) return '0';
  const shown = ids.slice(0, IDS_SHOWN).join(', ');
  const rest = ids.length > IDS_SHOWN ? ` and ${plural(ids.length - IDS_SHOWN, 'other')}` : '';
  return [`${whole(ids.length)}: `, h('span', { class: 'hint' }, `${shown}${rest}`)];
}
