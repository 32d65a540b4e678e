// Legacy servers that are brought into operation step by step: where each stands, what was measured, and what may be done.
import { fill, h, reconcile, row, setText, show, table } from './dom.js';
import { NOTHING, whole } from './format.js';
import { moment } from './moments.js';
import { badge, createPanel, temporalAnchor } from './panel.js';
import { pollInto } from './poll.js';
import { createRolloutActions, rolloutButtons } from './rollout-actions.js';

const PATH = '/api/v1/legacy-sync/rollouts';
const QUIET_MS = 10_000;
const WHILE_RUNNING_MS = 2_000;

const COLUMNS = [
  { label: 'Step', className: 'name' },
  { label: 'Vehicles', className: 'number' },
  { label: 'At a time', className: 'number' },
  { label: 'State', className: 'status' },
  { label: 'Succeeded', className: 'number' },
  { label: 'Rows that differ', className: 'number' },
  { label: 'Circuit', className: 'words' },
];

export function createRolloutPanel(context) {
  const { api } = context;
  const panel = createPanel('rollouts', 'Rollout');
  const start = createRolloutActions(context, () => asking.kick());
  const list = h('div', {});
  let running = false;

  const look = async (signal) => {
    const [{ rollouts }, { servers }] = await Promise.all([
      api.get(PATH, { signal }),
      api.get('/api/v1/legacy-sync/servers', { signal }),
    ]);
    running = rollouts.some(({ state }) => state === 'running');
    start.set(servers, rollouts);
    reconcile(list, rollouts, {
      key: ({ serverId }) => serverId,
      create: (rollout) => create(context, rollout, () => asking.kick()),
      update: (element, rollout) => update(context, element, rollout),
    });
    return rollouts.length === 0 ? 'No server was brought into operation step by step yet.' : undefined;
  };

  panel.actions.append(...start.elements);
  panel.body.append(list);
  const asking = pollInto(panel, look, () => (running ? WHILE_RUNNING_MS : QUIET_MS));
  return { element: panel.element, kick: asking.kick, stop: asking.stop };
}

/** What belongs to the element of a server's rollout. */
const partsOf = new WeakMap();

function create(context, { serverId }, changed) {
  const state = h('span', { class: 'run-state' });
  const acts = rolloutButtons(context, serverId, changed);
  const about = h('p', { class: 'hint' });
  const steps = table(`Steps of the rollout of ${serverId}`, COLUMNS);
  const reasons = h('div', { role: 'status' });
  const head = h(
    'div',
    { class: 'panel-head' },
    h('h3', {}, serverId),
    state,
    h('div', { class: 'actions' }, acts.elements),
  );
  const element = h('div', {}, head, about, steps.element, reasons);
  partsOf.set(element, { state, acts, about, body: steps.body, reasons });
  return element;
}

function update(context, element, rollout) {
  const { state, acts, about, body, reasons } = partsOf.get(element);
  const { runs, steps, workflowId } = rollout;
  const current = runs.findLast((run) => run.state !== 'withdrawn') ?? null;
  acts.set(rollout, current);
  fill(state, rollout.state, () => [badge(rollout.state), temporalAnchor(context.temporal(workflowId), 'The rollout')]);
  // Taken back, it is the same rollout and unattended no more.
  const { rolloutId, requestedBy, unattended } = rollout;
  fill(about, JSON.stringify([rolloutId, requestedBy, unattended]), () => describe(rollout));
  const lines = steps.map((step, position) => ({
    step,
    position,
    run: runs.findLast((run) => run.position === position),
  }));
  reconcile(body, lines, { key: ({ position }) => position, create: () => row(COLUMNS), update: updateStep });
  const waits = rollout.state === 'running' && unattended && current?.idle === true;
  const said = sentences(rollout, current, waits);
  const kind = waits ? 'hint' : 'error';
  fill(reasons, JSON.stringify([kind, said]), () => said.map((text) => h('p', { class: kind }, text)));
  show(reasons, said.length > 0);
}

const describe = ({ requestedBy, unattended, startedAt }) => [
  `${unattended ? 'Unattended, started' : 'Started'} by ${requestedBy} `,
  moment(startedAt),
  '.',
];

/** Why the current step was not good, and what could not be put back. */
const sentences = ({ state, runs }, current, waits) => [
  ...(state === 'running' && current !== null
    ? current.reasons.map((text) => (waits ? `Waits for news. ${text}` : text))
    : []),
  ...runs.flatMap(({ kept }) => kept.map((text) => `${text}.`)),
];

function updateStep(line, { step, run }) {
  const [name, vehicles, workers, state, succeeded, differing, circuit] = line.children;
  const { run: synced = null, reconciliation = null, circuit: found = null } = run?.measured ?? {};
  setText(name, step.name);
  setText(vehicles, step.vehicles === null ? 'all' : `first ${step.vehicles}`);
  setText(workers, step.adaptive ? `up to ${whole(step.workers)}, adaptive` : whole(step.workers));
  const word = run === undefined ? 'to come' : run.state.replace('-', ' ');
  fill(state, word, () => badge(word));
  setText(succeeded, synced === null ? NOTHING : `${whole(synced.succeeded)} of ${whole(synced.vehicles)}`);
  setText(differing, reconciliation === null ? NOTHING : whole(differingRows(reconciliation)));
  setText(circuit, found === null ? NOTHING : `${found.state}${found.reopened ? ', opened meanwhile' : ''}`);
}

const differingRows = ({ missing, changed, extra }) => missing + changed + extra;
