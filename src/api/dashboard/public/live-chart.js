// A chart that keeps to the width of its frame and to the colours of the page.
import uPlot from './uplot.js';
import { clock } from './format.js';

const FONT = '11px system-ui, sans-serif';

/**
 * `shape(colour)` gives what is the chart's own: `padding`, `cursor`, `hooks`, the second of the `series`, the `sizes` of its two axes, and
 * `tell`, which words a value of the upright one.
 */
export function createLiveChart(frame, height, shape) {
  let chart = null;
  /** @type {[number[], (number | null)[]]} */
  let data = [[], []];

  const clear = () => {
    chart?.destroy();
    chart = null;
  };
  const draw = () => {
    clear();
    chart = new uPlot({ width: frame.clientWidth, height, ...optionsFor(frame, shape) }, data, frame);
  };
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => {
    if (chart !== null) draw();
  };
  scheme.addEventListener('change', redraw);
  const resized = new ResizeObserver(() => chart?.setSize({ width: frame.clientWidth, height }));
  resized.observe(frame);

  return {
    /** `[seconds, values]` */
    set(next) {
      data = next;
      if (chart === null) draw();
      else chart.setData(data);
    },
    /** The index of the point that the pointer is at; null: it is at none. */
    pointed: () => chart?.cursor.idx ?? null,
    clear,
    close() {
      scheme.removeEventListener('change', redraw);
      resized.disconnect();
      clear();
    },
  };
}

function optionsFor(frame, shape) {
  const styles = getComputedStyle(frame);
  const colour = (name) => styles.getPropertyValue(name).trim();
  const { sizes, tell, series, ...own } = shape(colour);
  const axis = {
    font: FONT,
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    ...own,
    legend: { show: false },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, space: 90, size: sizes[0], values: (_, splits) => splits.map((seconds) => clock(seconds * 1000)) },
      { ...axis, space: 36, size: sizes[1], values: (_, splits) => splits.map((each) => tell(each)) },
    ],
    series: [{}, { stroke: colour('--accent'), width: 1.5, ...series }],
  };
}
