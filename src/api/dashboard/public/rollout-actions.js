// What an operator may do about a rollout: start one, open its next step, run a step again, take one back.
import { ask } from './dialogs.js';
import { show } from './dom.js';
import { checkField, numberField, reasonField, selectField } from './fields.js';
import { actButton } from './panel.js';

const PATH = '/api/v1/legacy-sync/rollouts';

/** The button that starts one, for who may. `set` says which servers there are, and which rollouts. */
export function createRolloutActions(context, changed) {
  if (!context.may('admin')) return { elements: [], set() {} };
  let free = [];
  const start = actButton('start-rollout', 'Start a rollout…', () => askStart(context, free, changed));
  return {
    elements: [start],
    set(servers, rollouts) {
      const busy = new Set(rollouts.filter(({ state }) => state === 'running').map(({ serverId }) => serverId));
      free = servers.map(({ id }) => id).filter((id) => !busy.has(id));
      start.disabled = free.length === 0;
    },
  };
}

function askStart({ api, notify }, servers, changed) {
  ask({
    title: 'Start a rollout',
    lead: 'The first step syncs two vehicles of the server, one at a time. Its limit of vehicles in flight follows the steps.',
    fields: [
      selectField({
        name: 'serverId',
        label: 'Legacy server',
        options: servers.map((id) => ({ value: id, label: id })),
      }),
      numberField({
        name: 'maxWorkers',
        label: 'In flight at the end (optional)',
        hint: 'Without it: the server’s limit.',
        min: 1,
        max: 1000,
      }),
      checkField({ name: 'unattended', label: 'Open each next step by itself while steps are good' }),
      reasonField(),
    ],
    confirm: 'Start',
    submit: async ({ serverId, ...body }) => {
      const { message } = await api.send('POST', `${PATH}/${serverId}`, body);
      notify(message);
      changed();
    },
  });
}

/** The buttons of one rollout. `set` shows those that its current step allows. */
export function rolloutButtons(context, serverId, changed) {
  if (!context.may('operator')) return { elements: [], set() {} };
  const asking = (verb, body, question) => () =>
    ask({
      ...question,
      submit: async (values) => {
        const { message } = await context.api.send('POST', `${PATH}/${serverId}/${verb}`, { ...values, ...body });
        context.notify(message);
        changed();
      },
    });
  const advance = button(
    'advance-rollout',
    'Next step…',
    `Next step of ${serverId}`,
    asking('advance', {}, QUESTIONS.advance(serverId)),
  );
  const again = button(
    'repeat-step',
    'Run again…',
    `Run again the step of ${serverId}`,
    asking('advance', { again: true }, QUESTIONS.again(serverId)),
  );
  const back = button(
    'back-rollout',
    'Take back…',
    `Take back the step of ${serverId}`,
    asking('back', {}, QUESTIONS.back(serverId)),
  );
  return {
    elements: [advance, again, back],
    set({ state }, current) {
      const open = state === 'running' && current !== null;
      show(advance, open && current.state === 'good');
      show(again, open && (current.state === 'good' || current.state === 'not-good'));
      show(back, open);
    },
  };
}

const button = (act, label, name, onclick) => actButton(act, label, onclick, { kind: 'small', name });

const QUESTIONS = {
  advance: (serverId) => ({
    title: `Open the next step of ${serverId}?`,
    lead: 'Limits and settings become those of the step, its vehicles are synced and compared with their source.',
    fields: [reasonField()],
    confirm: 'Open',
  }),
  again: (serverId) => ({
    title: `Run the current step of ${serverId} again?`,
    lead: 'Mend first what was wrong with it.',
    fields: [reasonField()],
    confirm: 'Run again',
  }),
  back: (serverId) => ({
    title: `Take the current step of ${serverId} back?`,
    lead: 'Limits and settings become those of before the step. What arrived stays. Taking the first step back ends the rollout.',
    fields: [reasonField(true)],
    confirm: 'Take back',
    danger: true,
  }),
};
