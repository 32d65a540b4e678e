// Rows imported per second over the time of a run.
import uPlot from './uplot.js';
import { h, setText, show } from './dom.js';
import { clock, offset, short } from './format.js';

const HEIGHT = 190;
const FONT = '11px system-ui, sans-serif';

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
  let chart = null;
  /** @type {[number[], number[]]} */
  let data = [[], []];
  let summary = '';

  const draw = () => {
    chart?.destroy();
    chart = new uPlot(
      optionsFor(frame, (index) => setText(caption, index === null ? summary : reading(data, index))),
      data,
      frame,
    );
  };
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => {
    if (chart !== null) draw();
  };
  scheme.addEventListener('change', redraw);
  const resized = new ResizeObserver(() => chart?.setSize({ width: frame.clientWidth, height: HEIGHT }));
  resized.observe(frame);

  return {
    element,
    clear() {
      chart?.destroy();
      chart = null;
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
      if (chart === null) draw();
      else chart.setData(data);
      if (chart.cursor.idx === null || chart.cursor.idx === undefined) setText(caption, summary);
      return undefined;
    },
    close() {
      scheme.removeEventListener('change', redraw);
      resized.disconnect();
      chart?.destroy();
    },
  };
}

const reading = ([times, rates], index) =>
  `${clock(times[index] * 1000)} ${offset(times[index] * 1000)}: ${short(rates[index])} rows/s`;

function summaryOf([times, rates], bucketSeconds) {
  const busy = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return `Peak ${short(Math.max(...rates))}, mean ${short(busy)} rows/s, by ${bucketSeconds} s; times are ${offset(times[0] * 1000)}`;
}

/** @returns {import('uplot').Options} */
function optionsFor(frame, onPoint) {
  const styles = getComputedStyle(frame);
  const colour = (name) => styles.getPropertyValue(name).trim();
  const axis = {
    font: FONT,
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: frame.clientWidth,
    height: HEIGHT,
    padding: [12, 26, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, space: 90, size: 28, values: (_, splits) => splits.map((seconds) => clock(seconds * 1000)) },
      { ...axis, space: 36, size: 52, values: (_, splits) => splits.map((rate) => short(rate)) },
    ],
    series: [
      {},
      {
        label: 'rows/s',
        stroke: colour('--accent'),
        width: 1.5,
        fill: colour('--accent-soft'),
        points: { show: false },
      },
    ],
    hooks: { setCursor: [(chart) => onPoint(chart.cursor.idx ?? null)] },
  };
}
