// The fleet sync that is running, or the last one: figures, worker slots, throughput, and the runs before it.
import { h } from './dom.js';
import { createFleetActions } from './fleet-actions.js';
import { createRunFigures } from './run-figures.js';
import { createRunsList } from './runs-list.js';
import { createPanel } from './panel.js';
import { poll } from './poll.js';
import { followRun } from './run-stream.js';
import { createSlots } from './slots.js';
import { createThroughput } from './throughput.js';

const RUNS = '/api/v1/legacy-sync/runs';
const SHOWN_RUNS = 8;
const EVERY_MS = 1_000;
const THROUGHPUT_MS = 2_000;
const IDLE_MS = 10_000;

const runningOf = (runs) => runs.find(({ state }) => state === 'running') ?? null;

/** Which run is shown: the one that was asked for, else the one that runs, else the last. */
const shownOf = (runs, chosen) => chosen ?? runningOf(runs)?.runId ?? runs[0]?.runId ?? null;

export function createFleetPanel(context, vehicles) {
  const { api } = context;
  const panel = createPanel('fleet', 'Fleet sync');
  const figures = createRunFigures(context);
  const slots = createSlots();
  const throughput = createThroughput();
  let runs = [];
  let chosen = null;
  let shown = null;
  let view = null;
  let unfollow = () => {};

  const show = (next) => {
    if (next.run.runId !== shown) return;
    view = next;
    figures.set(next, api.now());
    slots.set(next);
    actions.set(next.run);
    vehicles.runIs(next.run.state);
    panel.ready();
  };
  const isLive = () => view?.run.runId === shown && view.run.state === 'running';

  const load = async (runId, signal) => show(await api.get(`${RUNS}/${runId}`, { signal }));
  const ended = async (runId) => {
    await load(runId).catch(() => undefined);
    if (view?.run.runId === runId) context.notify(`The fleet sync has ${said(view.run)}.`, view.run.failed > 0 ? 'bad' : 'done');
    vehicles.kick();
    list.kick();
    chart.kick();
  };
  const open = async (runId, signal) => {
    unfollow();
    unfollow = () => {};
    shown = runId;
    throughput.clear();
    await load(runId, signal);
    chart.kick();
    if (isLive()) unfollow = followRun(api, runId, { onProgress: show, onEnd: () => void ended(runId) });
  };

  const refresh = async (signal) => {
    try {
      runs = (await api.get(`${RUNS}?limit=${SHOWN_RUNS}`, { signal })).runs;
      const next = shownOf(runs, chosen);
      runsList.set(runs, next, api.now());
      if (next === null) panel.empty('No fleet sync has run yet.');
      else if (next !== shown || view?.run.runId !== next) await open(next, signal);
      // A run that ended while its stream was broken, and one whose ages go on.
      else if (isLive() && runs.find(({ runId }) => runId === next)?.state !== 'running') await load(next, signal);
      else figures.set(view, api.now());
    } catch (error) {
      if (!signal.aborted) panel.failed(error);
      throw error;
    }
  };
  const readThroughput = async (signal) => {
    if (shown === null) return;
    const runId = shown;
    const answer = await api.get(`${RUNS}/${runId}/throughput?points=120`, { signal });
    if (runId === shown && view !== null) throughput.set(answer, view.run, api.now());
  };

  const choose = (runId) => {
    chosen = runId;
    list.kick();
  };
  const started = (runId) => {
    chosen = runId;
    list.kick();
  };
  const actions = createFleetActions(context, { vehicles, started, changed: () => list.kick() });
  const runsList = createRunsList(context, choose);
  panel.actions.append(...actions.elements);
  panel.status.append(figures.status);
  panel.body.append(
    figures.element,
    h('div', { class: 'fleet-grid' }, slots.element, throughput.element),
    runsList.element,
  );
  vehicles.onStarted(started);
  const list = poll(refresh, () => EVERY_MS);
  const chart = poll(readThroughput, () => (isLive() ? THROUGHPUT_MS : IDLE_MS));
  return {
    element: panel.element,
    kick() {
      list.kick();
      chart.kick();
    },
    stop() {
      unfollow();
      list.stop();
      chart.stop();
      throughput.close();
    },
  };
}

const said = ({ state, completed, failed }) =>
  state === 'completed' ? `ended: ${completed} vehicles synced, ${failed} failed` : `ended: it was ${state}`;
