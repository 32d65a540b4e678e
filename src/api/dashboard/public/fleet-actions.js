// Starting a fleet sync, and steering the one that is shown.
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

/** The buttons that the key's role may use; none for a viewer. `set` tells which of them the run's state allows. */
export function createFleetActions(context, { vehicles, started, changed }) {
  if (!context.may('operator')) return { elements: [], set() {} };
  const { api, notify } = context;
  let run = null;
  const steer =
    (verb, body, said, method = 'POST') =>
    async (values) => {
      await api.send(method, `${RUNS}/${run.runId}/${verb}`, { ...body?.(values), reason: values.reason });
      notify(said);
      changed();
    };
  const buttons = {
    start: actButton('start', 'Start sync…', () => askStart(context, vehicles, started), { kind: 'primary' }),
    pause: actButton('pause', 'Pause…', () =>
      ask({
        title: 'Pause this run?',
        lead: 'Vehicles in flight go on to their end; no further one begins.',
        fields: [reasonField()],
        confirm: 'Pause',
        submit: steer('pause', undefined, 'The run is paused.'),
      }),
    ),
    resume: actButton('resume', 'Resume…', () =>
      ask({
        title: 'Resume this run?',
        fields: [reasonField()],
        confirm: 'Resume',
        submit: steer('resume', undefined, 'The run goes on.'),
      }),
    ),
    workers: actButton('max-workers', 'Workers…', () =>
      ask({
        title: 'Worker slots of this run',
        lead: 'New slots open at once; a slot that is too many retires when its vehicle has ended.',
        fields: [
          numberField({ name: 'maxWorkers', label: 'Worker slots', min: 1, max: 1000, required: true }),
          reasonField(),
        ],
        confirm: 'Set',
        submit: steer('max-workers', ({ maxWorkers }) => ({ maxWorkers }), 'The number of worker slots is set.', 'PUT'),
      }),
    ),
    cancel: actButton('cancel', 'Cancel…', () =>
      ask({
        title: 'Cancel this run?',
        lead: 'Vehicles in flight clean up and count as failed. What they have imported stays.',
        fields: [reasonField()],
        confirm: 'Cancel the run',
        danger: true,
        submit: steer('cancel', undefined, 'The run is being cancelled.'),
      }),
    ),
    retry: actButton('retry-failed', 'Retry failed…', () =>
      ask({
        title: `Sync ${plural(run.failed, 'failed vehicle')} again?`,
        fields: [reasonField()],
        confirm: 'Start',
        submit: async ({ reason }) =>
          started((await api.send('POST', `${RUNS}/${run.runId}/retry-failed`, { reason })).runId),
      }),
    ),
  };
  const set = (next) => {
    run = next;
    const running = next.state === 'running';
    show(buttons.pause, running && !next.paused);
    show(buttons.resume, running && next.paused);
    show(buttons.workers, running);
    show(buttons.cancel, running);
    show(buttons.retry, !running && next.failed > 0);
  };
  for (const [name, button] of Object.entries(buttons)) if (name !== 'start') show(button, false);
  return { elements: Object.values(buttons), set };
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
