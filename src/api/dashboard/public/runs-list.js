// The latest runs. The user can choose one of them to be shown.
import { fill, h, reconcile, row, setText, table } from './dom.js';
import { duration, short, timestamp, whole } from './format.js';
import { writeAge } from './moments.js';
import { badge, temporalAnchor } from './panel.js';

const COLUMNS = [
  { label: 'Started', className: 'name' },
  { label: 'State', className: '' },
  { label: 'By', className: 'name' },
  { label: 'Vehicles', className: 'number' },
  { label: 'Failed', className: 'number' },
  { label: 'Rows', className: 'number' },
  { label: 'Took', className: 'number' },
  { label: 'Links', className: 'links', hidden: true },
];

export function createRunsList(context, choose) {
  const { element: list, body } = table('Latest fleet syncs', COLUMNS, 'pairs');
  const element = h('details', { class: 'runs' }, h('summary', {}, 'Latest runs'), list);
  return {
    element,
    set(runs, shown, now) {
      reconcile(body, runs, {
        key: ({ runId }) => runId,
        create: (run) => create(context, choose, run),
        update: (line, run) => update(line, run, shown, now),
      });
    },
  };
}

function create(context, choose, { runId, workflowId, startedAt }) {
  const line = row(COLUMNS);
  const label = `Show the run of ${timestamp(startedAt)}`;
  line.lastElementChild.append(
    h('button', { type: 'button', class: 'button small', 'aria-label': label, onclick: () => choose(runId) }, 'Show'),
    temporalAnchor(context.temporal(workflowId, runId), `The run of ${timestamp(startedAt)}`) ?? '',
  );
  return line;
}

function update(line, run, shown, now) {
  const [started, state, by, vehicles, failed, rows, took] = line.children;
  const word = run.state === 'running' && run.paused ? 'paused' : run.state;
  line.classList.toggle('chosen', run.runId === shown);
  writeAge(started, run.startedAt, now, '');
  fill(state, word, () => badge(word));
  setText(by, run.requestedBy);
  setText(vehicles, whole(run.vehicles));
  setText(failed, whole(run.failed));
  setText(rows, short(run.rows));
  setText(took, duration((run.finishedAt === null ? now : Date.parse(run.finishedAt)) - Date.parse(run.startedAt)));
}
