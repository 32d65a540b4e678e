// Draws a run's bars, a row for each worker slot. It is one canvas, because ten thousand vehicles would be too many elements.
import { clock } from './format.js';

const LABELS_PX = 34;
const AXIS_PX = 22;
const TICK_EVERY_PX = 110;
/** Rows get lower the more slots there are. */
const ROWS_PX = 420;
const ROW_PX = { most: 20, least: 4 };
const MARK_PX = 5;

/** The steps of the time axis in seconds. */
const STEPS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400];

/** Where bars are: rows of slots, and pixels of times. */
export function layOut(bars, { from, to }, width) {
  const slots = [...new Set(bars.map(({ slot }) => slot))];
  const rowPx = Math.max(ROW_PX.least, Math.min(ROW_PX.most, Math.floor(ROWS_PX / Math.max(1, slots.length))));
  const rowOf = new Map(slots.map((slot, index) => [slot, index]));
  const perMs = Math.max(1, width - LABELS_PX) / Math.max(1, to - from);
  return {
    slots,
    rowPx,
    perMs,
    height: slots.length * rowPx + AXIS_PX,
    box(bar) {
      const left = LABELS_PX + (bar.from - from) * perMs;
      const right = LABELS_PX + ((bar.to ?? to) - from) * perMs;
      return { left, top: rowOf.get(bar.slot) * rowPx, width: Math.max(1, right - left), height: rowPx - 1 };
    },
  };
}

/** The bar at a point, or the nearest of its row; null: there is no row. */
export function barAt(bars, { slots, rowPx, box }, x, y) {
  const slot = slots[Math.floor(y / rowPx)];
  let [found, least] = [null, Infinity];
  for (const bar of bars) {
    if (bar.slot !== slot) continue;
    const { left, width } = box(bar);
    const away = Math.max(left - x, x - left - width, 0);
    if (away < least) [found, least] = [bar, away];
  }
  return found;
}

const COLOURS = ['--line', '--edge', '--ink', '--muted', '--good', '--bad', '--export', '--transfer', '--import'];
const STAGE = { exporting: '--export', transferring: '--transfer', importing: '--import', completed: '--good' };

export function paintTimeline(canvas, { bars, place, span, chosen }) {
  const { clientWidth: width } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const sized = [Math.round(width * ratio), Math.round(place.height * ratio)];
  if (canvas.width !== sized[0] || canvas.height !== sized[1]) [canvas.width, canvas.height] = sized;
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, place.height);
  const styles = getComputedStyle(canvas);
  const colours = Object.fromEntries(COLOURS.map((name) => [name, styles.getPropertyValue(name).trim()]));
  pen.font = '11px system-ui, sans-serif';
  paintAxis(pen, { place, span, width, colours });
  for (const bar of bars) paintBar(pen, bar, place.box(bar), colours);
  // Above their neighbours, so that a narrow one is not hidden.
  for (const bar of bars) if (bar.status === 'failed') paintMark(pen, place.box(bar), colours);
  if (chosen) {
    const { left, top, width: wide, height } = place.box(chosen);
    pen.strokeStyle = colours['--ink'];
    pen.lineWidth = 2;
    pen.strokeRect(left - 1, top, wide + 2, height);
  }
}

/** Pale is the time that the slot was taken for, full what of it was work: how much, not when. */
function paintBar(pen, bar, { left, top, width, height }, colours) {
  const gap = width > 3 ? 1 : 0;
  pen.fillStyle = colours['--edge'];
  pen.globalAlpha = 0.35;
  pen.fillRect(left, top, width - gap, height);
  pen.globalAlpha = 1;
  const colour = bar.status === 'failed' ? '--bad' : STAGE[bar.status];
  if (colour === undefined) return;
  pen.fillStyle = colours[colour];
  pen.fillRect(left, top, Math.max(1, (width - gap) * bar.workedShare), height);
}

/** A failed one has a cross in a frame, which tells it without its colour. */
function paintMark(pen, { left, top, width, height }, colours) {
  const middle = left + width / 2;
  const half = Math.min(MARK_PX, height / 2 - 1);
  pen.strokeStyle = colours['--bad'];
  pen.lineWidth = 1;
  pen.strokeRect(left + 0.5, top + 0.5, Math.max(1, width - 2), height - 1);
  pen.strokeStyle = colours['--ink'];
  pen.lineWidth = 2;
  pen.beginPath();
  for (const way of [1, -1]) {
    pen.moveTo(middle - half, top + height / 2 - half * way);
    pen.lineTo(middle + half, top + height / 2 + half * way);
  }
  pen.stroke();
}

function paintAxis(pen, { place, span, width, colours }) {
  const { slots, rowPx, perMs, height } = place;
  const room = Math.max(1, Math.floor((width - LABELS_PX) / TICK_EVERY_PX));
  const seconds = (span.to - span.from) / 1000;
  const step = 1000 * (STEPS.find((each) => seconds / each <= room) ?? 86_400 * Math.ceil(seconds / 86_400 / room));
  pen.fillStyle = colours['--muted'];
  pen.strokeStyle = colours['--line'];
  pen.lineWidth = 1;
  pen.textAlign = 'center';
  for (let at = Math.ceil(span.from / step) * step; at <= span.to; at += step) {
    const x = LABELS_PX + (at - span.from) * perMs;
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, height - AXIS_PX + 4);
    pen.stroke();
    if (x > LABELS_PX + 24 && x < width - 24) pen.fillText(clock(at), x, height - 5);
  }
  pen.textAlign = 'right';
  // Rows that are lower than a line of text name every few slots only.
  const every = Math.ceil(13 / rowPx);
  slots.forEach((slot, row) => {
    if (row % every === 0)
      pen.fillText(String(slot), LABELS_PX - 6, Math.max(9, row * rowPx + Math.min(rowPx, 13) - 2));
  });
}
