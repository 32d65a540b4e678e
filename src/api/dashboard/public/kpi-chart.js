// One key figure, run by run.
import { h, setText, show } from './dom.js';
import { createLiveChart } from './live-chart.js';

const HEIGHT = 120;

/** `tell` words a value: `1.2 MB/s`. */
export function createKpiChart(title, tell) {
  const frame = h('div', { class: 'chart', role: 'img' });
  const value = h('figcaption', {});
  const element = h('figure', { class: 'kpi' }, h('h3', {}, title), value, frame);
  const chart = createLiveChart(frame, HEIGHT, () => ({
    padding: [8, 12, 0, 0],
    cursor: { show: false },
    sizes: [24, 70],
    tell,
    series: { label: title, points: { show: true, size: 4 } },
  }));

  return {
    element,
    /** `points` are the runs, `[milliseconds, value]`; null: the run has no such figure. */
    set(whole, points) {
      setText(value, whole === null ? 'nothing to tell yet' : tell(whole));
      const some = points.filter(([, each]) => each !== null);
      show(frame, some.length > 1);
      if (some.length < 2) return;
      frame.setAttribute('aria-label', `${title}, of ${some.length} runs. The last: ${tell(some.at(-1)[1])}.`);
      chart.set([some.map(([at]) => at / 1000), some.map(([, each]) => each)]);
    },
    close: chart.close,
  };
}
