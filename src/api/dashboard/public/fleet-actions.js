// Starts a fleet sync, and steers the one that is shown.
import { ask } from './dialogs.js';
import { show } from './dom.js';
import { choiceField, numberField, reasonField, selectField } from './fields.js';
import { plural } from './format.js';
import { actButton } from './panel.js';

const RUNS = '/api/v1/legacy-sync/runs';
export const MODES = [
  { value: 'delta', label: 'New rows only' },
  { value: 'full', label: 'Everything again' },
];

/** The buttons that the key's role may use; a viewer gets none. `set` shows those that the run's state allows. */
export function createFleetActions(context, { vehicles, started, changed }) {
  if (!context.may('operator')) return { elements: [], set() {} };
  let run = null;
  const steer = async (method, verb, body, said) => {
    await context.api.send(method, `${RUNS}/${run.runId}/${verb}`, body);
    context.notify(said);
    changed();
  };
  const buttons = steeringButtons(steer);
  buttons['retry'] = actButton('retry-failed', 'Retry failed…', () =>
    ask({
      title: `Sync ${plural(run.failed, 'failed vehicle')} again?`,
      fields: [reasonField()],
      confirm: 'Start',
      submit: async ({ reason }) => {
        const answer = await context.api.send('POST', `${RUNS}/${run.runId}/retry-failed`, { reason });
        started(answer.runId);
      },
    }),
  );
  const start = actButton('start', 'Start sync…', () => askStart(context, vehicles, started), { kind: 'primary' });
  const set = (next) => {
    run = next;
    const running = next.state === 'running';
    show(buttons['pause'], running && !next.paused);
    show(buttons['resume'], running && next.paused);
    show(buttons['workers'], running);
    show(buttons['cancel'], running);
    show(buttons['retry'], !running && next.failed > 0);
  };
  for (const button of Object.values(buttons)) show(button, false);
  return { elements: [start, ...Object.values(buttons)], set };
}

/** The buttons that steer a running run. */
function steeringButtons(steer) {
  const asking = (question) => () => ask({ ...question, fields: [...(question.fields ?? []), reasonField()] });
  return {
    pause: actButton(
      'pause',
      'Pause…',
      asking({
        title: 'Pause this run?',
        lead: 'Vehicles in flight go on to their end; no further one begins.',
        confirm: 'Pause',
        submit: (body) => steer('POST', 'pause', body, 'The run is paused.'),
      }),
    ),
    resume: actButton(
      'resume',
      'Resume…',
      asking({
        title: 'Resume this run?',
        confirm: 'Resume',
        submit: (body) => steer('POST', 'resume', body, 'The run goes on.'),
      }),
    ),
    workers: actButton('max-workers', 'Worker slots…', () =>
      asking({
        title: 'Worker slots of this run',
        lead: 'New slots open at once; a slot that is too many retires when its vehicle has ended.',
        fields: [numberField({ name: 'maxWorkers', label: 'Worker slots', min: 1, max: 1000, required: true })],
        confirm: 'Set',
        submit: (body) => steer('PUT', 'max-workers', body, 'The number of worker slots is set.'),
      })(),
    ),
    cancel: actButton(
      'cancel',
      'Cancel…',
      asking({
        title: 'Cancel this run?',
        lead: 'Vehicles in flight clean up and count as failed. What they have imported stays.',
        confirm: 'Cancel the run',
        danger: true,
        submit: (body) => steer('POST', 'cancel', body, 'The run is being cancelled.'),
      }),
    ),
  };
}

function askStart({ api, notify }, vehicles, started) {
  const chosen = vehicles.chosen();
  const selection = choiceField({
    name: 'selection',
    legend: 'Vehicles',
    chosen: chosen.length > 0 ? 'list' : 'all',
    options: [
      { value: 'all', label: 'All' },
      { value: 'list', label: `Chosen below (${chosen.length})`, disabled: chosen.length === 0 },
      { value: 'first', label: 'The first', number: { min: 1, max: 1_000_000, value: 2 } },
      { value: 'priority', label: 'Of priority at least', number: { min: -1_000_000, max: 1_000_000, value: 5 } },
    ],
  });
  const selections = {
    all: () => ({ kind: 'all' }),
    list: () => ({ kind: 'list', vehicleIds: chosen }),
    first: (count) => ({ kind: 'first', count }),
    priority: (atLeast) => ({ kind: 'priority', atLeast }),
  };
  ask({
    title: 'Start a fleet sync',
    fields: [
      selection,
      selectField({ name: 'mode', label: 'What is read', options: MODES }),
      numberField({
        name: 'maxWorkers',
        label: 'Worker slots (optional)',
        hint: 'As the settings say, when left empty.',
        min: 1,
        max: 1000,
      }),
      reasonField(),
    ],
    confirm: 'Start',
    submit: async ({ selection: { value, number }, mode, maxWorkers, reason }) => {
      const { runId } = await api.send('POST', RUNS, {
        selection: selections[value](number),
        mode,
        maxWorkers,
        reason,
      });
      vehicles.clearChosen();
      notify('The fleet sync has begun.');
      started(runId);
    },
  });
}
