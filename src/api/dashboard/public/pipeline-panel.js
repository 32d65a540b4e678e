// The transport-graph pipeline: its stages in order, their last runs, and the next scheduled run.
import { ask } from './dialogs.js';
import { fill, h, reconcile, setText, show } from './dom.js';
import { checkField, reasonField } from './fields.js';
import { NOTHING, duration, relative, whole } from './format.js';
import { moment, writeAge } from './moments.js';
import { actButton, badge, createPanel, temporalAnchor } from './panel.js';
import { poll, pollInto } from './poll.js';

const PATH = '/api/v1/workers';
const EVERY_MS = 2_000;
const SCHEDULE_MS = 15_000;
/** The user watches the page, so the request must not wait for the end of the run. */
const AT_ONCE = { prefer: 'respond-async' };

export function createPipelinePanel(context) {
  const { api } = context;
  const panel = createPanel('pipeline', 'Transport-graph pipeline');
  const stages = h('ol', { class: 'stages' });
  const next = h('p', { class: 'next-run' }, 'Next run: not known yet.');
  const state = h('span', {});
  const actions = createActions(context, () => asking.kick());
  let schedule = null;

  const look = async (signal) => {
    const [{ workers }, { pipeline }, { runs }] = await Promise.all([
      api.get(PATH, { signal }),
      api.get(`${PATH}/pipeline/status`, { signal }),
      api.get(`${PATH}/runs?limit=30`, { signal }),
    ]);
    const order = [...pipeline.workers, ...Object.keys(workers).filter((id) => !pipeline.workers.includes(id))];
    const items = order.map((id) => ({ ...workers[id], run: runs.find(({ workerId }) => workerId === id) ?? null }));
    reconcile(stages, items, {
      key: ({ workerId }) => workerId,
      create: (item) => create(item, actions),
      update: (element, item) => update(context, element, item, api.now()),
    });
    fill(state, String(pipeline.isRunning), () => (pipeline.isRunning ? badge('running') : ''));
    actions.set(pipeline.isRunning);
    writeSchedule(next, schedule, api.now());
    return items.length === 0 ? 'The pipeline has no stages.' : undefined;
  };
  // The schedule is Temporal's, which may be away while the rest is not.
  const readSchedule = async (signal) => {
    try {
      schedule = (await api.get(`${PATH}/pipeline/schedule`, { signal })).schedule;
    } catch (error) {
      schedule = { error: error.message };
      throw error;
    } finally {
      writeSchedule(next, schedule, api.now());
    }
  };

  panel.status.append(state);
  panel.actions.append(...actions.elements);
  panel.body.append(next, stages);
  const asking = pollInto(panel, look, () => EVERY_MS);
  const askingSchedule = poll(readSchedule, () => SCHEDULE_MS);
  return {
    element: panel.element,
    kick() {
      asking.kick();
      askingSchedule.kick();
    },
    stop() {
      asking.stop();
      askingSchedule.stop();
    },
  };
}

function writeSchedule(element, schedule, now) {
  if (schedule === null) return undefined;
  const [first] = schedule.nextRuns ?? [];
  const reason = whyNotDue(schedule, first);
  if (reason !== null) return fill(element, reason, () => `Next run: ${reason}`);
  const away = relative(first, now);
  return fill(element, `${first} ${away}`, () => [`Next run: ${away}, at `, moment(first), '.']);
}

function whyNotDue({ error, enabled, paused }, first) {
  if (error !== undefined) return error;
  if (!enabled) return 'by hand only, there is no schedule.';
  if (paused) return 'by hand only, the schedule is paused.';
  return first === undefined ? 'none is due.' : null;
}

function createActions(context, changed) {
  const { api, notify } = context;
  if (!context.may('operator')) return { elements: [], set() {}, forStage: () => [] };
  const execute = (path, title, said) => () => {
    const reason = reasonField();
    const force = checkField({ name: 'force', label: 'Force: run although nothing is new (needs a reason)' });
    force.input.addEventListener('change', () => void (reason.input.required = force.input.checked));
    ask({
      title,
      fields: [force, reason],
      confirm: 'Run',
      submit: async (values) => {
        await api.send('POST', `${PATH}/${path}`, values, AT_ONCE);
        notify(said);
        changed();
      },
    });
  };
  const cancel = (path, what) => () =>
    ask({
      title: `Cancel ${what}?`,
      lead: 'What is under way is undone; the live graph stays as it is.',
      fields: [reasonField()],
      confirm: 'Cancel it',
      danger: true,
      submit: async ({ reason }) => {
        notify((await api.send('POST', `${PATH}/${path}`, { reason })).message);
        changed();
      },
    });
  const run = actButton(
    'run-pipeline',
    'Run pipeline…',
    execute('execute', 'Run the whole pipeline?', 'The pipeline has begun.'),
  );
  const end = actButton('cancel-pipeline', 'Cancel…', cancel('pipeline/cancel', 'the pipeline'));
  const set = (running) => {
    show(run, !running);
    show(end, running);
  };
  set(false);
  /** Buttons of a stage: Run, and Cancel for a stage that was started alone. A stage of a pipeline is cancelled with the pipeline. */
  const forStage = (workerId, name) => {
    const start = execute(`${workerId}/execute`, `Run ${name} alone?`, `${name} has begun.`);
    const stop = cancel(`${workerId}/cancel`, name);
    return [
      actButton('run-stage', 'Run…', start, { kind: 'small', name: `Run ${name} alone` }),
      actButton('cancel-stage', 'Cancel…', stop, { kind: 'small', name: `Cancel ${name}` }),
    ];
  };
  return { elements: [run, end], set, forStage };
}

/** The spec's names end in "Worker", which says nothing in a list of workers. */
const shortName = (name) => name.replace(/ Worker$/, '');

function create({ workerId, workerName, version }, actions) {
  const name = shortName(workerName);
  const cell = (label, className) => h('div', { class: 'fact' }, h('dt', {}, label), h('dd', { class: className }));
  return h(
    'li',
    { class: 'stage' },
    h('div', { class: 'stage-head' }, h('h3', {}, name), h('span', { class: 'stage-status' })),
    h('p', { class: 'hint' }, `${workerId} ${version}`),
    h('dl', { class: 'facts' }, cell('Last run', 'last'), cell('Took', 'took'), cell('Runs', 'runs')),
    h('p', { class: 'stage-message' }),
    h('div', { class: 'stage-foot' }, actions.forStage(workerId, name), h('span', { class: 'stage-links' })),
  );
}

function update(context, element, { workerName, lastRun, lastStatus, lastDuration, runCount, run }, now) {
  const part = (name) => element.querySelector(name);
  fill(part('.stage-status'), lastStatus ?? 'never', () => badge(lastStatus ?? 'never ran'));
  writeAge(part('.last'), lastRun, now, 'never');
  const took = lastStatus === 'running' ? now - Date.parse(lastRun) : lastDuration;
  setText(part('.took'), took === null ? NOTHING : duration(took));
  setText(part('.runs'), whole(runCount));
  const running = lastStatus === 'running';
  const runsAlone = running && run?.pipelineRunId === null;
  for (const [act, visible] of [
    ['run', !running],
    ['cancel', runsAlone],
  ]) {
    const button = part(`[data-act=${act}-stage]`);
    if (button !== null) show(button, visible);
  }
  const message = part('.stage-message');
  setText(message, run === null ? '' : [run.failureCode, run.message].filter(Boolean).join(': '));
  message.classList.toggle('bad', lastStatus === 'failed');
  fill(part('.stage-links'), run?.runId ?? '', () =>
    run === null
      ? ''
      : temporalAnchor(context.temporal(run.workflowId, run.runId), `The last run of ${shortName(workerName)}`),
  );
}
