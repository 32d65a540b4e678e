// Rows imported per second over the time of a run.
import { h, setText, show } from './dom.js';
import { clock, offset, short } from './format.js';
import { createLiveChart } from './live-chart.js';

const HEIGHT = 190;

/** Fills the gaps: an interval in which nothing was committed is a zero, so that the chart draws no line across it. */
/** @returns {[number[], number[]]} */
function series({ bucketSeconds, points }, { startedAt, finishedAt }, now) {
  const rowsAt = new Map(points.map(({ at, rows }) => [Math.round(Date.parse(at) / 1000 / bucketSeconds), rows]));
  const first = Math.floor(Date.parse(startedAt) / 1000 / bucketSeconds);
  const end = finishedAt === null ? now : Date.parse(finishedAt);
  const last = Math.max(first + 1, Math.floor(end / 1000 / bucketSeconds), ...rowsAt.keys());
  const times = [];
  const rates = [];
  for (let bucket = first; bucket <= last; bucket += 1) {
    times.push(bucket * bucketSeconds);
    rates.push((rowsAt.get(bucket) ?? 0) / bucketSeconds);
  }
  // Rows of the last interval are still being committed, so it is left out.
  if (finishedAt === null && times.length > 2) {
    times.pop();
    rates.pop();
  }
  return [times, rates];
}

const NOTHING_YET = 'Nothing has been imported yet.';

export function createThroughput() {
  const frame = h('div', { class: 'chart', role: 'img' });
  const caption = h('figcaption', {});
  const note = h('p', { class: 'state' }, NOTHING_YET);
  const element = h('figure', { class: 'throughput' }, h('h3', {}, 'Throughput'), note, frame, caption);
  /** @type {[number[], number[]]} */
  let data = [[], []];
  let summary = '';
  const onPoint = (index) => setText(caption, index === null ? summary : reading(data, index));
  const chart = createLiveChart(frame, HEIGHT, (colour) => ({
    padding: [12, 26, 0, 0],
    cursor: { drag: { x: false, y: false }, y: false },
    sizes: [28, 52],
    tell: short,
    series: { label: 'rows/s', fill: colour('--accent-soft'), points: { show: false } },
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
  }));

  return {
    element,
    clear() {
      chart.clear();
      show(note, true);
      show(frame, false);
      setText(caption, '');
    },
    set(answer, run, now) {
      const some = answer.points.length > 0;
      show(note, !some);
      show(frame, some);
      setText(note, run.finishedAt === null ? NOTHING_YET : 'Nothing was imported.');
      if (!some) return setText(caption, '');
      data = series(answer, run, now);
      summary = summaryOf(data, answer.bucketSeconds);
      frame.setAttribute('aria-label', `Rows imported over time. ${summary}`);
      chart.set(data);
      if (chart.pointed() === null) setText(caption, summary);
      return undefined;
    },
    close: chart.close,
  };
}

const reading = ([times, rates], index) =>
  `${clock(times[index] * 1000)} ${offset(times[index] * 1000)}: ${short(rates[index])} rows/s`;

function summaryOf([times, rates], bucketSeconds) {
  const busy = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return `Peak ${short(Math.max(...rates))}, mean ${short(busy)} rows/s, by ${bucketSeconds} s; times are ${offset(times[0] * 1000)}`;
}
