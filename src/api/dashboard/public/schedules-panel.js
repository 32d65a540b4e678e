// When fleet syncs and reconciliations start by themselves.
import { h, fill, reconcile, row, setAttribute, setText, show, table } from './dom.js';
import { NOTHING, duration, plural, timestamp } from './format.js';
import { writeAge } from './moments.js';
import { actButton, badge, createPanel } from './panel.js';
import { pollInto } from './poll.js';
import { askAdd, askSteer, PATH } from './schedule-actions.js';

const EVERY_MS = 10_000;

const COLUMNS = [
  { label: 'Schedule', className: 'name' },
  { label: 'State', className: 'status' },
  { label: 'Starts', className: 'words' },
  { label: 'What', className: 'words' },
  { label: 'Next', className: 'number' },
  { label: 'Started', className: 'number' },
  { label: 'Actions', className: 'links', hidden: true },
];

export function createSchedulesPanel(context) {
  const panel = createPanel('schedules', 'Schedules');
  const { element: list, body } = table('Schedules of fleet syncs and reconciliations', COLUMNS);
  const none = h('p', { class: 'state', 'data-state': 'empty' }, 'Nothing starts by itself: there is no schedule yet.');
  const changed = () => asking.kick();
  if (context.may('operator')) {
    panel.actions.append(actButton('put-schedule', 'Add schedule…', () => askAdd(context, changed)));
  }
  panel.body.append(none, list);
  const look = async (signal) => {
    const { schedules } = await context.api.get(PATH, { signal });
    reconcile(body, schedules, {
      key: ({ name }) => name,
      create: ({ name }) => create(context, name, changed),
      update: (line, schedule) => update(line, schedule, context.api.now()),
    });
    show(none, schedules.length === 0);
    show(list, schedules.length > 0);
  };
  const asking = pollInto(panel, look, () => EVERY_MS);
  return { element: panel.element, kick: asking.kick, stop: asking.stop };
}

function create(context, name, changed) {
  const line = row(COLUMNS);
  if (!context.may('operator')) return line;
  const button = (act, label) =>
    actButton(`${act}-schedule`, `${label}…`, () => askSteer(context, act, name, changed), {
      kind: 'small',
      name: `${label} ${name}`,
    });
  line.lastElementChild.append(button('pause', 'Pause'), button('resume', 'Resume'), button('delete', 'Delete'));
  return line;
}

function update(line, schedule, now) {
  const { name, paused, note, nextTimes, started, skipped } = schedule;
  const [title, state, when, what, next, count, actions] = line.children;
  setText(title, name);
  const word = paused ? 'paused' : 'active';
  fill(state, word, () => badge(word));
  setAttribute(state, 'title', note ?? '');
  setText(when, timesText(schedule));
  setText(what, workText(schedule));
  writeAge(next, nextTimes[0] ?? null, now, NOTHING);
  // The first is told as an age; pointing at the cell tells all of them.
  setAttribute(next, 'title', nextTimes.map(timestamp).join('\n'));
  setText(count, skipped === 0 ? `${started}` : `${started}, ${skipped} skipped`);
  const [pause, resume] = actions.children;
  if (pause === undefined) return;
  show(pause, !paused);
  show(resume, paused);
}

function timesText({ cron, everyMs, timeZone, jitterMs }) {
  const at = cron === null ? `every ${duration(everyMs)}` : `${cron} (${timeZone})`;
  return jitterMs === 0 ? at : `${at}, up to ${duration(jitterMs)} later`;
}

function workText({ sync, reconcile: comparison }) {
  if (sync !== null) {
    const rows = sync.mode === 'full' ? 'everything again' : 'new rows';
    return `sync ${chosenText(sync.selection)}: ${rows}${sync.maxWorkers ? `, ${plural(sync.maxWorkers, 'slot')}` : ''}`;
  }
  const { selection, lastDays, repair } = comparison;
  const days = lastDays === null ? 'all days' : `the last ${plural(lastDays, 'day')}`;
  return `compare ${chosenText(selection)}: ${days}${repair ? ', and repair' : ''}`;
}

function chosenText({ kind, vehicleIds, count, atLeast, serverId, first }) {
  if (kind === 'server')
    return first ? `the first ${plural(first, 'vehicle')} of ${serverId}` : `all vehicles of ${serverId}`;
  if (kind === 'list') return plural(vehicleIds.length, 'vehicle');
  if (kind === 'first') return `the first ${plural(count, 'vehicle')}`;
  return kind === 'priority' ? `vehicles of priority ${atLeast} and more` : 'all vehicles';
}
