// One key figure, run by run.
import uPlot from './uplot.js';
import { h, setText, show } from './dom.js';
import { clock } from './format.js';

const HEIGHT = 120;
const FONT = '11px system-ui, sans-serif';

/** `tell` words a value: `1.2 MB/s`. */
export function createKpiChart(title, tell) {
  const frame = h('div', { class: 'chart', role: 'img' });
  const value = h('figcaption', {});
  const element = h('figure', { class: 'kpi' }, h('h3', {}, title), value, frame);
  let chart = null;
  /** @type {[number[], (number | null)[]]} */
  let data = [[], []];

  const draw = () => {
    chart?.destroy();
    chart = new uPlot(optionsFor(frame, title, tell), data, frame);
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
    /** `points` are the runs, `[milliseconds, value]`; null: the run has no such figure. */
    set(whole, points) {
      setText(value, whole === null ? 'nothing to tell yet' : tell(whole));
      const some = points.filter(([, each]) => each !== null);
      show(frame, some.length > 1);
      if (some.length < 2) return;
      data = [some.map(([at]) => at / 1000), some.map(([, each]) => each)];
      frame.setAttribute('aria-label', `${title}, of ${some.length} runs. The last: ${tell(some.at(-1)[1])}.`);
      if (chart === null) draw();
      else chart.setData(data);
    },
    close() {
      scheme.removeEventListener('change', redraw);
      resized.disconnect();
      chart?.destroy();
    },
  };
}

/** @returns {import('uplot').Options} */
function optionsFor(frame, title, tell) {
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
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, space: 90, size: 24, values: (_, splits) => splits.map((seconds) => clock(seconds * 1000)) },
      { ...axis, space: 36, size: 70, values: (_, splits) => splits.map((each) => tell(each)) },
    ],
    series: [{}, { label: title, stroke: colour('--accent'), width: 1.5, points: { show: true, size: 4 } }],
  };
}
