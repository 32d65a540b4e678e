// One vehicle: how fresh it is, where it was last, how its syncs went, and on which days it differs from its source.
import { h, fill, reconcile, row, setText, show, table } from './dom.js';
import { NOTHING, plural, short, timestamp, whole } from './format.js';
import { writeAge } from './moments.js';
import { createNetworkMap } from './network-map.js';
import { badge, createPanel } from './panel.js';
import { pollInto } from './poll.js';

const EVERY_MS = 5_000;

const SYNCS = [
  { label: 'Vehicle', className: 'name' },
  { label: 'Planned', className: 'number' },
  { label: 'Ended', className: 'status' },
  { label: 'Rows', className: 'number' },
  { label: 'New', className: 'number' },
  { label: 'Quarantined', className: 'number' },
  { label: 'Error', className: 'error' },
];
const DAYS = [
  { label: 'Day', className: 'name' },
  { label: 'Vehicle', className: 'words' },
  { label: 'Missing', className: 'number' },
  { label: 'Changed', className: 'number' },
  { label: 'Extra', className: 'number' },
  { label: 'Quarantined', className: 'number' },
  { label: 'Repaired', className: 'number' },
];

/** Opens a dialog about a vehicle, which follows it until it is closed. */
export function openVehicle(context, { id, label }) {
  const panel = createPanel('vehicle', label);
  const parts = createParts();
  panel.body.append(...parts.elements);
  const close = h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Close');
  panel.actions.append(close);
  const dialog = h('dialog', { class: 'wide', 'aria-labelledby': 'vehicle-title' }, panel.element);
  const path = `/api/v1/legacy-sync/vehicles/${id}`;
  const look = async (signal) => {
    const ask = (what) => context.api.get(`${path}${what}`, { signal });
    const [{ vehicle }, { syncs }, { positions }, { compared }] = await Promise.all(
      ['', '/syncs', '/track', '/differences'].map(ask),
    );
    parts.set({ vehicle, syncs, positions, compared }, context.api.now());
  };
  const asking = pollInto(panel, look, () => EVERY_MS);
  dialog.addEventListener('close', () => {
    asking.stop();
    parts.close();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

function createParts() {
  const facts = h('dl', { class: 'facts' });
  const map = createNetworkMap({
    title: 'Last positions',
    of: 'the last positions',
    point: 'position',
    connection: null,
    describe: ({ time, speedKmh }) => `${timestamp(time)}${speedKmh === null ? '' : `, ${Math.round(speedKmh)} km/h`}`,
  });
  const syncs = table('The latest syncs of this vehicle', SYNCS);
  const days = table('Days that differed when they were last compared', DAYS);
  const verdict = h('p', {});
  const nowhere = h('p', { class: 'hint' }, 'No position has come yet.');
  return {
    elements: [
      facts,
      nowhere,
      map.element,
      h('h3', {}, 'Syncs'),
      syncs.element,
      h('h3', {}, 'Against the source'),
      verdict,
      days.element,
    ],
    set(found, now) {
      setFacts(facts, found, now);
      const points = found.positions.slice(1).map((_, at) => [at, at + 1]);
      map.set({ nodes: found.positions, edges: points });
      show(map.element, found.positions.length > 0);
      show(nowhere, found.positions.length === 0);
      setSyncs(syncs.body, found.syncs, now);
      show(syncs.element, found.syncs.length > 0);
      setDifferences({ verdict, days }, found.compared);
    },
    close: map.close,
  };
}

function setFacts(list, { vehicle, positions }, now) {
  const { serverId, table: from, legacyVehicleId, watermark, lastSyncedAt, newestPositionAt, quarantined } = vehicle;
  const facts = {
    Source: `${serverId}, ${from}${legacyVehicleId === null ? '' : `, ${legacyVehicleId}`}`,
    Watermark: watermark,
    'Last synced': lastSyncedAt,
    'Newest position': positions.at(-1)?.time ?? newestPositionAt,
    'In quarantine': whole(quarantined),
  };
  reconcile(list, Object.entries(facts), {
    key: ([name]) => name,
    create: ([name]) => h('div', {}, h('dt', {}, name), h('dd', {})),
    update: (line, [name, value]) => {
      const told = line.lastElementChild;
      if (name === 'Last synced' || name === 'Newest position') writeAge(told, value, now, 'never');
      else setText(told, value);
    },
  });
}

function setSyncs(body, syncs, now) {
  reconcile(body, syncs, {
    key: ({ runId, vehicleId }) => `${runId}/${vehicleId}`,
    create: () => row(SYNCS),
    update: (line, { label, plannedAt, status, rows, inserted, quarantined, error }) => {
      const [of, when, how, read, fresh, held, wrong] = line.children;
      setText(of, label);
      writeAge(when, plannedAt, now, NOTHING);
      fill(how, status, () => badge(status));
      setText(read, short(rows));
      setText(fresh, short(inserted));
      setText(held, whole(quarantined));
      fill(wrong, JSON.stringify(error), () =>
        error === null ? '' : [h('strong', {}, `${error.code}: `), error.message],
      );
    },
  });
}

function setDifferences({ verdict, days }, compared) {
  const differing = compared.flatMap(({ label, days: of }) => of.map((day) => ({ label, ...day })));
  show(days.element, differing.length > 0);
  setText(
    verdict,
    compared.length === 0 ? 'It was never compared with its source.' : compared.map(verdictOn).join(' '),
  );
  reconcile(days.body, differing, {
    key: ({ label, day }) => `${label}/${day}`,
    create: () => row(DAYS),
    update: (line, { day, label, missing, changed, extra, quarantined, repairedAt }) => {
      const numbers = [missing, changed, extra, quarantined].map(whole);
      const texts = [day, label, ...numbers, repairedAt === null ? NOTHING : timestamp(repairedAt)];
      texts.forEach((text, at) => setText(line.children[at], text));
    },
  });
}

function verdictOn({ label, comparedAt, sourceRows, targetRows, days, more }) {
  const found =
    days.length === 0 ? 'no day differs' : `${plural(days.length, 'day')} differed${more ? ', and more' : ''}`;
  return `${label}, compared ${timestamp(comparedAt)}: ${whole(sourceRows)} rows there and ${whole(targetRows)} here; ${found}.`;
}
