// What each worker slot of a run is doing, one row per slot.
import { fill, h, reconcile, row, setText, show, table } from './dom.js';
import { NOTHING, bytes, duration, percent, whole } from './format.js';
import { badge, createBar } from './panel.js';

const COLUMNS = [
  { label: 'Slot', className: 'number narrow' },
  { label: 'Vehicle', className: 'name' },
  { label: 'Stage', className: 'stage' },
  { label: 'Progress', className: 'progress' },
  { label: 'Rows', className: 'number rows' },
  { label: 'File', className: 'number file' },
  { label: 'Speed', className: 'number speed' },
  { label: 'Left', className: 'number left' },
];
const WORKING = new Set(['exporting', 'transferring', 'importing']);
const bars = new WeakMap();

export function createSlots() {
  const { element: list, body } = table('Worker slots', COLUMNS, 'slot-list');
  const note = h('p', { class: 'state', hidden: true });
  const element = h('div', { class: 'slots' }, h('h3', {}, 'Worker slots'), note, list);
  return {
    element,
    set({ run, live, workers }) {
      // The slots of a finished run show nothing, so they are hidden.
      const open = run.state === 'running' && run.finishedAt === null;
      show(element, open);
      const message = noteOf(run, live, workers);
      setText(note, message);
      show(note, message !== '');
      show(list, workers.length > 0);
      reconcile(body, open ? workers : [], { key: ({ slot }) => slot, create, update });
    },
  };
}

function noteOf({ paused }, live, workers) {
  if (!live) return 'Redis does not answer: this is as of the last committed range of each vehicle.';
  if (workers.length === 0) return 'No slot has reported yet.';
  return paused ? 'Paused: vehicles in flight go on to their end, and no further one begins.' : '';
}

function create({ slot }) {
  const element = row(COLUMNS);
  const bar = createBar(`Worker slot ${slot}`);
  const value = h('span', { class: 'bar-value' });
  element.children[3].append(h('div', { class: 'bar-line' }, bar.element, value));
  bars.set(element, { bar, value });
  return element;
}

function update(
  element,
  { slot, vehicle, stage, percent: done, rows, plannedRows, bytes: size, bytesPerSecond, etaSeconds },
) {
  const [number, name, stageCell, , rowsCell, sizeCell, speed, left] = element.children;
  const { bar, value } = bars.get(element);
  const working = WORKING.has(stage);
  element.setAttribute('data-stage', stage);
  setText(number, slot);
  setText(name, vehicle ?? NOTHING);
  fill(stageCell, stage, () => badge(stage));
  bar.set(vehicle === null ? 0 : done, stage);
  setText(value, vehicle === null ? NOTHING : percent(done));
  setText(
    rowsCell,
    vehicle === null ? NOTHING : plannedRows > 0 ? `${whole(rows)} / ${whole(plannedRows)}` : whole(rows),
  );
  setText(sizeCell, size > 0 ? bytes(size) : NOTHING);
  setText(speed, working && bytesPerSecond > 0 ? `${bytes(bytesPerSecond)}/s` : NOTHING);
  setText(left, working && etaSeconds !== null ? duration(etaSeconds * 1000) : NOTHING);
}
