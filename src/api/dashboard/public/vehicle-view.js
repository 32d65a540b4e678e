// One vehicle: how fresh it is, where it was last, how its syncs went, and on which days it differs from its source.
import { h, fill, reconcile, row, setText, show, table } from './dom.js';
import { NOTHING, plural, short, timestamp, whole } from './format.js';
import { writeAge } from './moments.js';
import { createNetworkMap } from './network-map.js';
import { badge, createPanel } from './panel.js';
import { pollInto } from './poll.js';

const EVERY_MS = 5_000;

const SYNCS = [
  { label: 'Planned', className: 'name' },
  { label: 'Ended', className: 'status' },
  { label: 'Rows', className: 'number' },
  { label: 'New', className: 'number' },
  { label: 'Quarantined', className: 'number' },
  { label: 'Error', className: 'error' },
];
const DAYS = [
  { label: 'Day', className: 'name' },
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
      setFacts(facts, found.vehicle, now);
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

function setFacts(
  list,
  { serverId, table: from, legacyVehicleId, watermark, lastSyncedAt, newestPositionAt, quarantined },
  now,
) {
  const source = `${serverId}, ${from}${legacyVehicleId === null ? '' : `, ${legacyVehicleId}`}`;
  const facts = {
    Source: source,
    Watermark: watermark,
    'Last synced': lastSyncedAt,
    'Newest position': newestPositionAt,
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
    key: ({ runId }) => runId,
    create: () => row(SYNCS),
    update: (line, { plannedAt, status, rows, inserted, quarantined, error }) => {
      const [when, how, read, fresh, held, wrong] = line.children;
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
  show(days.element, compared !== null && compared.days.length > 0);
  if (compared === null) return setText(verdict, 'It was never compared with its source.');
  const { comparedAt, sourceRows, targetRows, days: differing, more } = compared;
  const rows = `${whole(sourceRows)} rows there and ${whole(targetRows)} here`;
  const found =
    differing.length === 0
      ? 'no day differs'
      : `${plural(differing.length, 'day')} differed${more ? ', and more' : ''}`;
  setText(verdict, `Compared ${timestamp(comparedAt)}: ${rows}; ${found}.`);
  reconcile(days.body, differing, {
    key: ({ day }) => day,
    create: () => row(DAYS),
    update: (line, { day, missing, changed, extra, quarantined, repairedAt }) => {
      const texts = [
        day,
        whole(missing),
        whole(changed),
        whole(extra),
        whole(quarantined),
        repairedAt === null ? NOTHING : timestamp(repairedAt),
      ];
      texts.forEach((text, at) => setText(line.children[at], text));
    },
  });
  return undefined;
}
