// The fleet sync that is running, or the last one: figures, worker slots, throughput, and the runs before it.
import { h } from './dom.js';
import { createFleetActions } from './fleet-actions.js';
import { createPanel } from './panel.js';
import { poll } from './poll.js';
import { createRunFigures } from './run-figures.js';
import { followRun } from './run-stream.js';
import { createRunsList } from './runs-list.js';
import { createSlots } from './slots.js';
import { createThroughput } from './throughput.js';
import { createTimeline } from './timeline.js';

const RUNS = '/api/v1/legacy-sync/runs';
const SHOWN_RUNS = 8;
/** How often to look for a run that somebody else started. The events of a followed run arrive within two seconds by themselves. */
const EVERY_MS = 2_000;
const WHILE_FOLLOWING_MS = 5_000;
const TICK_MS = 1_000;
const THROUGHPUT_MS = 2_000;
/** Less than two seconds, with what the answer takes. */
const TIMELINE_MS = 1_500;
const IDLE_MS = 10_000;

export function createFleetPanel(context, vehicles) {
  const { api } = context;
  const panel = createPanel('fleet', 'Fleet sync');
  const figures = createRunFigures(context);
  const slots = createSlots();
  const throughput = createThroughput();
  const timeline = createTimeline(api);
  const run = createShownRun(api, {
    onView(view) {
      figures.set(view, api.now());
      slots.set(view);
      actions.set(view.run);
      vehicles.runIs(view.run.state);
      panel.ready();
    },
    onEnd(view) {
      context.notify(`The fleet sync has ${said(view.run)}.`, view.run.failed > 0 ? 'bad' : 'done');
      for (const { kick } of [vehicles, list, chart, slotsOverTime]) kick();
    },
  });
  /** The run that the user has chosen; null: the running one, else the last. */
  let chosen = null;
  const choose = (runId) => {
    chosen = runId;
    list.kick();
  };

  const refresh = async (signal) => {
    try {
      const { runs } = await api.get(`${RUNS}?limit=${SHOWN_RUNS}`, { signal });
      const wanted = chosen ?? currentRun(runs);
      runsList.set(runs, wanted, api.now());
      if (wanted === null) return panel.empty('No fleet sync has run yet.');
      const changed = wanted !== run.id();
      if (changed) for (const { clear } of [throughput, timeline]) clear();
      await run.show(wanted, runs.find(({ runId }) => runId === wanted)?.state, signal);
      if (changed) for (const { kick } of [chart, slotsOverTime]) kick();
      return figures.set(run.view(), api.now());
    } catch (error) {
      if (!signal.aborted) panel.failed(error);
      throw error;
    }
  };

  const actions = createFleetActions(context, { vehicles, started: choose, changed: () => list.kick() });
  const runsList = createRunsList(context, choose);
  panel.actions.append(...actions.elements);
  panel.status.append(figures.status);
  const sides = h('div', { class: 'fleet-grid' }, slots.element, throughput.element);
  panel.body.append(figures.element, sides, timeline.element, runsList.element);
  vehicles.onStarted(choose);
  const list = poll(refresh, () => (run.isLive() ? WHILE_FOLLOWING_MS : EVERY_MS));
  const tick = async () => run.isLive() && figures.set(run.view(), api.now());
  const clock = poll(tick, () => TICK_MS);
  const chart = poll(throughputOf(run, throughput, api), () => (run.isLive() ? THROUGHPUT_MS : IDLE_MS));
  const slotsOverTime = poll(timelineOf(run, timeline, api), () => (run.isLive() ? TIMELINE_MS : IDLE_MS));
  return {
    element: panel.element,
    kick() {
      list.kick();
      chart.kick();
      slotsOverTime.kick();
    },
    stop() {
      for (const { stop } of [run, list, chart, slotsOverTime, clock]) stop();
      throughput.close();
      timeline.close();
    },
  };
}

/** The id of the running run, else of the last one; null when there is none. */
const currentRun = (runs) => (runs.find(({ state }) => state === 'running') ?? runs[0])?.runId ?? null;

/** Reads the throughput of the run that is shown. When the answer comes, another run may be shown. */
function throughputOf(run, throughput, api) {
  return async (signal) => {
    const runId = run.id();
    if (run.view() === null) return;
    const answer = await api.get(`${RUNS}/${runId}/throughput?points=120`, { signal });
    if (runId === run.id() && run.view() !== null) throughput.set(answer, run.view().run, api.now());
  };
}

/** Reads what the worker slots of the run that is shown have held. */
function timelineOf(run, timeline, api) {
  return async (signal) => {
    const view = run.view();
    if (view !== null) await timeline.refresh(view.run, api.now(), signal);
  };
}

/** Shows a run, and follows it while it runs. */
function createShownRun(api, { onView, onEnd }) {
  let id = null;
  let view = null;
  let unfollow = () => {};
  const take = (next) => {
    if (next.run.runId !== id) return;
    view = next;
    onView(next);
  };
  const isLive = () => view?.run.state === 'running';
  const load = async (runId, signal) => take(await api.get(`${RUNS}/${runId}`, { signal }));
  const ended = async (runId) => {
    await load(runId).catch(() => undefined);
    if (view?.run.runId === runId) onEnd(view);
  };
  return {
    id: () => id,
    view: () => view,
    isLive,
    /** `state` comes from the list of runs, because a run may end while its stream is broken. */
    async show(runId, state, signal) {
      if (runId !== id) {
        unfollow();
        unfollow = () => {};
        [id, view] = [runId, null];
      }
      if (view !== null && !(isLive() && state !== 'running')) return;
      const first = view === null;
      await load(runId, signal);
      if (first && isLive()) unfollow = followRun(api, runId, { onProgress: take, onEnd: () => void ended(runId) });
    },
    stop: () => unfollow(),
  };
}

const said = ({ state, completed, failed }) =>
  state === 'completed' ? `ended: ${completed} vehicles synced, ${failed} failed` : `ended: it was ${state}`;
