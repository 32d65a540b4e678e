// The vehicles, with their last sync and what went wrong in it.
import { ask, notify } from './dialogs.js';
import { fill, h, reconcile, row, setText, show, table } from './dom.js';
import { reasonField, searchField, selectField } from './fields.js';
import { MODES } from './fleet-actions.js';
import { NOTHING, plural, relative, short, whole } from './format.js';
import { writeAge } from './moments.js';
import { actButton, badge, createPanel, temporalAnchor } from './panel.js';
import { poll } from './poll.js';
import { openVehicle } from './vehicle-view.js';

const PATH = '/api/v1/legacy-sync/vehicles';
const PAGE = 10;
const QUIET_MS = 6_000;
const WHILE_RUNNING_MS = 2_000;
const SHOWN = [
  { value: '', label: 'All' },
  { value: 'true', label: 'Last sync failed' },
  { value: 'false', label: 'Last sync did not fail' },
];

const COLUMNS = [
  { label: 'Vehicle', className: 'name' },
  { label: 'Server', className: 'server' },
  { label: 'Last synced', className: 'synced' },
  { label: 'Last run', className: 'status' },
  { label: 'Rows', className: 'number rows' },
  { label: 'Quarantined', className: 'number held-rows' },
  { label: 'Error', className: 'error' },
  { label: 'Actions', className: 'links', hidden: true },
];

/** `chosen` are the ids that are to be synced together. `runIs` says whether a run is changing the figures. */
export function createVehiclesPanel(context) {
  const { api } = context;
  const panel = createPanel('vehicles', 'Vehicles');
  const filter = createFilter(() => {
    pages.restart();
    asking.kick();
  });
  const { element: list, body } = table('Vehicles with their last sync', COLUMNS, 'vehicle-list');
  const pages = createPages(() => asking.kick());
  const choice = createChoice();
  let busy = false;
  let onStarted = (_runId) => {};

  const sync = ({ id, label }) => askSync(context, id, label, (runId) => onStarted(runId));
  const refresh = async (signal) => {
    const query = new URLSearchParams({ limit: String(PAGE), ...filter.read() });
    const after = pages.after();
    if (after !== undefined) query.set('after', after);
    try {
      const answer = await api.get(`${PATH}?${query}`, { signal });
      reconcile(body, answer.vehicles, {
        key: ({ id }) => id,
        create: (vehicle) => create(context, vehicle, { sync, toggle: choice.toggle }),
        update: (line, vehicle) => update(context, line, vehicle, choice.has(vehicle.id)),
      });
      pages.set(answer.next);
      tell(answer.vehicles.length);
    } catch (error) {
      if (!signal.aborted) panel.failed(error);
      throw error;
    }
  };
  const tell = (count) => {
    if (count === 0 && !filter.used())
      return panel.empty(
        `There are no vehicles yet. Add them ${context.may('admin') ? 'from a legacy server, below, or ' : ''}by the command: fleetgraph vehicles put`,
      );
    show(list, count > 0);
    show(none, count === 0);
    return panel.ready();
  };

  const none = h('p', { class: 'state', hidden: true }, 'No vehicle matches.');
  panel.actions.append(choice.element);
  panel.body.append(filter.element, list, none, pages.element);
  const asking = poll(refresh, () => (busy ? WHILE_RUNNING_MS : QUIET_MS));
  return {
    element: panel.element,
    kick: asking.kick,
    stop: asking.stop,
    chosen: choice.list,
    clearChosen() {
      choice.clear();
      asking.kick();
    },
    onStarted: (listener) => void (onStarted = listener),
    runIs: (state) => void (busy = state === 'running'),
  };
}

function createFilter(changed) {
  const search = searchField({ label: 'Name contains', changed });
  const which = h(
    'select',
    { id: 'vehicle-which' },
    SHOWN.map(({ value, label }) => h('option', { value }, label)),
  );
  which.addEventListener('change', changed);
  const element = h(
    'div',
    { class: 'filter', role: 'search', 'aria-label': 'Vehicles' },
    search.element,
    h('div', { class: 'field' }, h('label', { for: 'vehicle-which' }, 'Show'), which),
  );
  const read = () => ({
    ...(search.read() === '' ? {} : { search: search.read() }),
    ...(which.value === '' ? {} : { failed: which.value }),
  });
  return { element, read, used: () => Object.keys(read()).length > 0 };
}

/** The vehicles whose boxes are ticked, and their number. */
function createChoice() {
  const chosen = new Set();
  const element = h('span', { class: 'hint' });
  const toggle = (id, on) => {
    if (on) chosen.add(id);
    else chosen.delete(id);
    setText(element, chosen.size === 0 ? '' : `${plural(chosen.size, 'vehicle')} chosen`);
  };
  return {
    element,
    toggle,
    has: (id) => chosen.has(id),
    list: () => [...chosen],
    clear() {
      for (const id of chosen) toggle(id, false);
    },
  };
}

/** The current page, as the list of cursors of the pages up to it. `turned` is called when the user turns to another page. */
function createPages(turned) {
  const cursors = [];
  let next = null;
  const pager = createPager((step) => {
    if (step > 0) cursors.push(next);
    else cursors.pop();
    turned();
  });
  return {
    element: pager.element,
    after: () => cursors.at(-1),
    restart() {
      cursors.length = 0;
    },
    /** `following`: the cursor of the page after this one, or null. */
    set(following) {
      next = following;
      pager.set(cursors.length + 1, next !== null);
    },
  };
}

function createPager(turn) {
  const back = h('button', { type: 'button', class: 'button small', onclick: () => turn(-1) }, 'Previous');
  const forward = h('button', { type: 'button', class: 'button small', onclick: () => turn(1) }, 'Next');
  const page = h('span', { 'aria-live': 'polite' });
  const element = h('nav', { class: 'pager', 'aria-label': 'Pages of vehicles' }, back, page, forward);
  return {
    element,
    set(number, more) {
      back.disabled = number === 1;
      forward.disabled = !more;
      setText(page, `Page ${number}`);
      show(element, number > 1 || more);
    },
  };
}

function create(context, { id, label }, { sync, toggle }) {
  const line = row(COLUMNS);
  const about = () => openVehicle(context, { id, label });
  const name = h('span', {}, label);
  if (context.may('operator')) {
    const box = h('input', { type: 'checkbox', id: `choose-${id}`, onchange: () => toggle(id, box.checked) });
    line.firstElementChild.append(h('label', { class: 'choose', for: box.id }, box, name));
    line.lastElementChild.append(
      actButton('sync-vehicle', 'Sync…', () => sync({ id, label }), { kind: 'small', name: `Sync ${label} now` }),
    );
  } else line.firstElementChild.append(name);
  const open = h(
    'button',
    { type: 'button', class: 'button small', 'aria-label': `About ${label}`, onclick: about },
    'About…',
  );
  line.lastElementChild.append(open, h('span', {}));
  return line;
}

function update(context, line, vehicle, chosen) {
  const { label, serverId, lastSyncedAt, lastRun, quarantined, enabled } = vehicle;
  const [name, server, synced, status, rows, held, error, links] = line.children;
  const box = name.querySelector('input');
  if (box !== null) {
    box.checked = chosen;
    box.disabled = !enabled;
  }
  const button = links.querySelector('[data-act]');
  if (button !== null) button.disabled = !enabled;
  // A vehicle that was never synced has no workflow to link to.
  const link = () => (lastRun === null ? '' : temporalAnchor(context.temporal(lastRun.workflowId), label));
  fill(links.lastElementChild, lastRun?.workflowId ?? '', link);
  setText(server, serverId);
  writeAge(synced, lastSyncedAt, context.api.now(), 'never');
  const word = enabled ? (lastRun?.status ?? NOTHING) : 'disabled';
  const hint = enabled ? describeSlice(lastRun?.slice ?? null) + describeNews(vehicle, context.api.now()) : '';
  fill(status, word + hint, () => (word === NOTHING ? word : [badge(word), h('span', { class: 'hint' }, hint)]));
  setText(rows, lastRun === null ? NOTHING : short(lastRun.rows));
  setText(held, whole(quarantined));
  held.classList.toggle('none', quarantined === 0);
  fill(error, JSON.stringify(lastRun?.error ?? null), () => describeError(lastRun?.error ?? null));
  // Where rows are cards, a vehicle without an error needs no line for it.
  error.classList.toggle('none', lastRun?.error == null);
}

/** A vehicle that was read by itself has no slice. */
const describeSlice = (slice) => (slice === null ? '' : ` slice ${slice.number} of ${slice.of}`);

/** A vehicle that is synced and sends nothing is silent itself; where the sync is what fails, the other columns say so. */
const describeNews = ({ news, newestPositionAt }, now) =>
  news === 'silent' && newestPositionAt !== null ? ` no news since ${relative(newestPositionAt, now)}` : '';

const describeError = (error) => (error === null ? '' : [h('strong', {}, `${error.code}: `), error.message]);

function askSync({ api }, id, label, started) {
  ask({
    title: `Sync ${label} now?`,
    fields: [selectField({ name: 'mode', label: 'What is read', options: MODES }), reasonField()],
    confirm: 'Start',
    submit: async (values) => {
      const { runId } = await api.send('POST', `${PATH}/${id}/sync`, values);
      notify(`The sync of ${label} has begun.`);
      started(runId);
    },
  });
}
