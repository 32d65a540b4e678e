// Adds, pauses, resumes and deletes schedules.
import { ask } from './dialogs.js';
import { choiceField, numberField, reasonField, textField } from './fields.js';

export const PATH = '/api/v1/legacy-sync/schedules';

const WHAT = {
  delta: { sync: { mode: 'delta' } },
  full: { sync: { mode: 'full' } },
  compare: { reconcile: { repair: false } },
  repair: { reconcile: { repair: true } },
};

/** A schedule of all vehicles. Others, and finer times, are made by the API and `fleetgraph schedules put`. */
export function askAdd({ api, notify }, changed) {
  ask({
    title: 'Add a schedule, or change the one of this name',
    lead: 'It takes in all vehicles, whatever one of this name took in. A run that goes on is never joined by a second one.',
    fields: [
      textField({
        name: 'name',
        label: 'Name',
        hint: 'Lower-case letters, digits and dashes.',
        required: true,
        maxLength: 63,
        pattern: '[a-z0-9][a-z0-9\\-]*',
        title: 'Lower-case letters, digits and dashes',
      }),
      textField({
        name: 'cron',
        label: 'When, as crontab has it',
        hint: 'Minute, hour, day, month, weekday: 30 3 * * * is each night at half past three.',
        required: true,
        maxLength: 200,
      }),
      textField({ name: 'timeZone', label: 'Time zone', hint: 'Such as Asia/Yakutsk; UTC when left empty.' }),
      choiceField({
        name: 'what',
        legend: 'What is done',
        chosen: 'delta',
        options: [
          { value: 'delta', label: 'Sync new rows' },
          { value: 'full', label: 'Sync everything again' },
          {
            value: 'compare',
            label: 'Compare with the source, the last days',
            number: { min: 1, max: 36_500, value: 7 },
          },
          { value: 'repair', label: 'Compare and repair, the last days', number: { min: 1, max: 36_500, value: 7 } },
        ],
      }),
      numberField({ name: 'maxWorkers', label: 'Worker slots (optional)', min: 1, max: 1000 }),
      reasonField(),
    ],
    confirm: 'Save',
    submit: async ({ name, what: { value, number }, timeZone, cron, maxWorkers, reason }) => {
      const { sync, reconcile } = WHAT[value];
      const work = sync === undefined ? { reconcile: { ...reconcile, lastDays: number } } : { ...sync, maxWorkers };
      await api.send('PUT', `${PATH}/${encodeURIComponent(name)}`, { cron, timeZone, ...work, reason });
      notify(`The schedule ${name} is kept.`);
      changed();
    },
  });
}

const STEERING = {
  pause: { lead: 'Nothing starts until it is resumed. A run that goes on is left alone.', said: 'is paused' },
  resume: { lead: 'It starts at its times again.', said: 'is resumed' },
  delete: { lead: 'A run that goes on is left alone.', said: 'is deleted' },
};

/** `act` is pause, resume or delete. */
export function askSteer({ api, notify }, act, name, changed) {
  const { lead, said } = STEERING[act];
  const verb = `${act.charAt(0).toUpperCase()}${act.slice(1)}`;
  ask({
    title: `${verb} the schedule ${name}?`,
    lead,
    fields: [reasonField(true)],
    confirm: verb,
    danger: act === 'delete',
    submit: async (body) => {
      const path = `${PATH}/${encodeURIComponent(name)}`;
      await (act === 'delete' ? api.send('DELETE', path, body) : api.send('POST', `${path}/${act}`, body));
      notify(`The schedule ${name} ${said}.`);
      changed();
    },
  });
}
