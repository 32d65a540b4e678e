// The figures of a run: its progress, its speed and the time that is left.
import { fill, h, setAttribute, setText } from './dom.js';
import { NOTHING, bytes, duration, plural, short, whole } from './format.js';
import { moment } from './moments.js';
import { badge, createBar, temporalAnchor } from './panel.js';

/** The progress of a run in percent: by rows when their number is known, else by vehicles. */
function percentOf({ state, rows, plannedRows, vehicles, completed, failed }) {
  if (state === 'completed') return 100;
  // The planned number is an estimate, so a running run never shows 100 %.
  if (plannedRows > 0) return Math.min(99, (100 * rows) / plannedRows);
  return vehicles === 0 ? 0 : (100 * (completed + failed)) / vehicles;
}

const elapsedMs = ({ startedAt, finishedAt }, now) =>
  Math.max(0, (finishedAt === null ? now : Date.parse(finishedAt)) - Date.parse(startedAt));

/** The time that is left by the run's forecast, where there is none at its average speed; null while that cannot be told. */
function remainingMs(run, now) {
  if (run.eta !== null) return run.eta.p50Ms;
  const elapsed = elapsedMs(run, now);
  if (run.state !== 'running' || run.paused || run.rows === 0 || elapsed < 3000) return null;
  const left = (elapsed * (run.plannedRows - run.rows)) / run.rows;
  return left < 1000 ? null : left;
}

const atWorst = ({ eta }) => (eta === null ? '' : `, 9 in 10 within ${duration(eta.p90Ms)}`);

function figure(label) {
  const value = h('dd', {});
  const more = h('dd', { class: 'more' });
  return {
    element: h('div', { class: 'figure' }, h('dt', {}, label), value, more),
    set(text, small = '') {
      setText(value, text);
      setText(more, small);
    },
  };
}

export function createRunFigures(context) {
  const status = h('span', { class: 'run-state' });
  const about = h('p', { class: 'run-about' });
  const bar = createBar('The whole run');
  const done = h('span', { class: 'run-percent' });
  const warnings = h('ul', { class: 'run-warnings' });
  const figures = {
    vehicles: figure('Vehicles'),
    rows: figure('Rows'),
    size: figure('Transferred'),
    pace: figure('Pace'),
    time: figure('Time'),
    trouble: figure('Failed'),
  };
  const element = h(
    'div',
    { class: 'run' },
    h('div', { class: 'run-bar' }, bar.element, done),
    h(
      'dl',
      { class: 'figures' },
      Object.values(figures).map((each) => each.element),
    ),
    warnings,
    about,
  );

  return {
    status,
    element,
    set({ run }, now) {
      const word = run.state === 'running' && run.paused ? 'paused' : run.state;
      fill(status, word, () => badge(word));
      setAttribute(status, 'data-run', run.runId);
      const percent = percentOf(run);
      bar.set(percent, run.state === 'running' ? 'run' : run.state);
      setText(done, `${Math.floor(percent)} %`);
      const planning = run.state === 'running' && run.vehicles === 0;
      fill(about, `${run.runId}${planning}`, () => [
        planning ? 'Planning: asking the legacy servers what is new. ' : '',
        `Started by ${run.requestedBy} at `,
        moment(run.startedAt),
        `, ${run.mode === 'full' ? 'everything again' : 'new rows only'}. `,
        temporalAnchor(context.temporal(run.workflowId, run.runId), 'This run'),
      ]);
      fill(warnings, JSON.stringify(run.warnings), () =>
        run.warnings.map(({ serverId, found }) => h('li', {}, `${serverId}: ${found}.`)),
      );
      write(figures, run, now);
    },
  };
}

function write(figures, run, now) {
  const elapsed = elapsedMs(run, now);
  const settled = run.completed + run.failed;
  figures.vehicles.set(`${whole(settled)} / ${whole(run.vehicles)}`, `${whole(run.upToDate)} up to date already`);
  const planned = short(run.plannedRows);
  figures.rows.set(short(run.rows), run.state === 'running' ? `of about ${planned}` : `about ${planned} planned`);
  figures.size.set(bytes(run.bytes), 'compressed');
  figures.pace.set(elapsed > 0 && run.rows > 0 ? short((run.rows * 1000) / elapsed) : NOTHING, 'rows/s on average');
  const left = remainingMs(run, now);
  figures.time.set(
    duration(elapsed),
    left === null ? (run.state === 'running' ? 'so far' : 'in all') : `about ${duration(left)} left${atWorst(run)}`,
  );
  figures.trouble.set(
    whole(run.failed),
    [
      run.quarantined > 0 ? `${plural(run.quarantined, 'row')} in quarantine` : 'no row in quarantine',
      ...(run.withoutFix > 0 ? [`${whole(run.withoutFix)} without a fix skipped`] : []),
    ].join(', '),
  );
  figures.trouble.element.classList.toggle('bad', run.failed > 0);
}
