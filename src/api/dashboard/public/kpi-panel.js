// The key figures of the runs within a window, together and run by run.
import { h, setText } from './dom.js';
import { duration, plural, short, whole } from './format.js';
import { createKpiChart } from './kpi-chart.js';
import { createPanel } from './panel.js';
import { pollInto } from './poll.js';

const EVERY_MS = 10_000;
const WINDOWS = [
  { value: '24h', label: 'The last 24 hours' },
  { value: '7d', label: 'The last 7 days' },
  { value: '30d', label: 'The last 30 days' },
];
const TENTH = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });
const percent = (share) => `${TENTH.format(100 * share)} %`;

/** The names of the API's figures, and how each is told. */
const FIGURES = {
  workerUtilisation: ['Worker utilisation', percent],
  secondsPerVehicle: ['Sync time per vehicle', (seconds) => duration(1000 * seconds)],
  successRate: ['Success', percent],
  sshHealth: ['SSH health', percent],
  megabytesPerSecond: ['Transfer', (rate) => `${TENTH.format(rate)} MB/s`],
  rowsPerSecond: ['Inserted', (rate) => `${short(rate)} rows/s`],
};

export function createKpiPanel({ api }) {
  const panel = createPanel('kpis', 'Key figures');
  const window = h(
    'select',
    { id: 'kpi-window', 'aria-label': 'Window' },
    WINDOWS.map(({ value, label }) => h('option', { value }, label)),
  );
  const charts = Object.entries(FIGURES).map(([name, [title, tell]]) => ({ name, chart: createKpiChart(title, tell) }));
  const slots = h('p', { class: 'kpi-slots' });
  const news = h('p', { class: 'kpi-news' });
  panel.actions.append(window);
  panel.body.append(
    h(
      'div',
      { class: 'kpis' },
      charts.map(({ chart }) => chart.element),
    ),
    slots,
    news,
  );

  const look = async (signal) => {
    const answer = await api.get(`/api/v1/legacy-sync/kpis?window=${window.value}`, { signal });
    for (const { name, chart } of charts) {
      chart.set(
        answer.kpis[name],
        answer.byRun.map(({ endedAt, kpis }) => [Date.parse(endedAt), kpis[name]]),
      );
    }
    setText(panel.status, plural(answer.runs, 'run'));
    setText(slots, slotsTold(answer));
    setText(news, newsTold(answer.news));
  };
  const asking = pollInto(panel, look, () => EVERY_MS);
  window.addEventListener('change', asking.kick);
  return {
    element: panel.element,
    kick: asking.kick,
    stop() {
      asking.stop();
      for (const { chart } of charts) chart.close();
    },
  };
}

function slotsTold({ errorsBySlot, connections }) {
  const failing = errorsBySlot.filter(({ failed }) => failed > 0);
  const errors =
    failing.length === 0
      ? 'No worker slot had an error.'
      : `Errors by worker slot: ${failing.map(({ slot, works, failed }) => `slot ${slot} ${percent(failed / works)}`).join(', ')}.`;
  const places = connections.map(({ serverId, inUse, places }) => `${serverId} ${inUse} of ${places}`);
  return places.length === 0 ? errors : `${errors} SSH connections in use: ${places.join(', ')}.`;
}

const newsTold = ({ fresh, silent, unsynced, never }) =>
  `Positions: ${plural(fresh, 'vehicle')} with news within a day, ${whole(silent)} silent though synced, ${whole(unsynced)} not synced for a day, ${whole(never)} never.`;
