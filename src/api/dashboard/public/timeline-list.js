// What the worker slots of a run held as a table, the last begun first. It is filled while it is open.
import { h, reconcile, row, setText, table } from './dom.js';
import { NOTHING, clock, duration, offset, whole } from './format.js';
import { heldMs } from './timeline-bars.js';

const COLUMNS = [
  { label: 'Slot', className: 'number narrow' },
  { label: 'Vehicle', className: 'name' },
  { label: 'Stage', className: 'stage' },
  { label: 'Began', className: '' },
  { label: 'Held for', className: 'number' },
  { label: 'Worked', className: 'number' },
  { label: 'Rows', className: 'number' },
];
/** Rows of the table at once. */
const SHOWN = 50;

export function createTimelineList() {
  const { element: list, body } = table('What the worker slots held', COLUMNS, 'pairs');
  const older = h('button', { type: 'button', class: 'button small', onclick: () => turn(SHOWN) }, 'Older');
  const newer = h('button', { type: 'button', class: 'button small', onclick: () => turn(-SHOWN) }, 'Newer');
  const place = h('span', {});
  const turning = h('div', { class: 'actions' }, newer, older, place);
  const element = h('details', { ontoggle: () => write() }, h('summary', {}, 'As a table'), list, turning);
  let [bars, now, first] = [[], 0, 0];

  const turn = (by) => {
    first = Math.max(0, first + by);
    write();
  };
  const write = () => {
    if (!element.open) return;
    const inOrder = bars.toSorted((a, b) => b.from - a.from || a.slot - b.slot);
    if (first >= inOrder.length) first = 0;
    const page = inOrder.slice(first, first + SHOWN);
    reconcile(body, page, {
      key: ({ slot, sequence }) => `${slot}.${sequence}`,
      create: () => row(COLUMNS),
      update: (line, bar) => cellsOf(bar, now).forEach((text, index) => setText(line.children[index], text)),
    });
    older.disabled = first + SHOWN >= inOrder.length;
    newer.disabled = first === 0;
    setText(place, `${whole(first + 1)} to ${whole(first + page.length)} of ${whole(inOrder.length)}`);
  };
  return {
    element,
    set(next, at) {
      [bars, now] = [next, at];
      write();
    },
  };
}

const cellsOf = (bar, now) => [
  bar.slot,
  bar.name === '' ? NOTHING : bar.name,
  bar.error === null ? bar.status : `failed: ${bar.error}`,
  `${clock(bar.from)} ${offset(bar.from)}`,
  duration(heldMs(bar, now)),
  duration(Math.min(bar.workedMs, heldMs(bar, now))),
  whole(bar.rows),
];
