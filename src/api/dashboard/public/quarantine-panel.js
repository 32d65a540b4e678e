// Rows that could not be imported, by reason, and a second try for them after the mapping was mended.
import { ask } from './dialogs.js';
import { h, reconcile, row, setText, table } from './dom.js';
import { reasonField, selectField, textField } from './fields.js';
import { plural, whole } from './format.js';
import { actButton, createPanel } from './panel.js';
import { pollInto } from './poll.js';

const PATH = '/api/v1/legacy-sync/quarantine';
const EVERY_MS = 10_000;
const COLUMNS = [
  { label: 'Reason', className: 'name' },
  { label: 'Rows', className: 'number' },
];
const DAY = { pattern: '[0-9]{4}-[0-9]{2}-[0-9]{2}', title: 'YYYY-MM-DD' };

export function createQuarantinePanel(context) {
  const { api } = context;
  const panel = createPanel('quarantine', 'Quarantine');
  const { element: list, body } = table('Rows in quarantine by reason', COLUMNS);
  let known = [];
  const look = async (signal) => {
    const { reasons } = await api.get(`${PATH}/reasons`, { signal });
    known = reasons.sort((one, other) => other.rows - one.rows);
    again.disabled = known.length === 0;
    reconcile(body, known, {
      key: ({ reason }) => reason,
      create: () => row(COLUMNS),
      update(line, { reason, rows }) {
        setText(line.firstElementChild, reason);
        setText(line.lastElementChild, whole(rows));
      },
    });
    return known.length === 0 ? 'No row is in quarantine.' : undefined;
  };
  const again = actButton('redrive', 'Try again…', () => askWhich(context, known, () => asking.kick()));
  if (context.may('operator')) panel.actions.append(again);
  panel.body.append(
    list,
    h('p', { class: 'hint' }, 'The rows are kept whole. Mend the mapping or the value policy first.'),
  );
  const asking = pollInto(panel, look, () => EVERY_MS);
  return { element: panel.element, kick: asking.kick, stop: asking.stop };
}

/** Asks for the rows, and says what would come in before anything is changed. */
function askWhich(context, known, changed) {
  const reasons = known.map(({ reason, rows }) => ({ value: reason, label: `${reason} (${whole(rows)})` }));
  ask({
    title: 'Which rows are to be tried again?',
    lead: 'First it is only said what would come in.',
    fields: [
      selectField({ name: 'keptFor', label: 'Kept for', options: [{ value: '', label: 'Any reason' }, ...reasons] }),
      textField({ name: 'vehicleId', label: 'Vehicle id (optional)', pattern: '[1-9][0-9]*', title: 'a whole number' }),
      textField({ name: 'since', label: 'Kept since (optional)', ...DAY }),
      textField({ name: 'until', label: 'Kept before (optional)', ...DAY }),
      reasonField(true),
    ],
    confirm: 'See what would come in',
    submit: async ({ keptFor, ...which }) => {
      const asked = keptFor === '' ? which : { ...which, keptFor };
      const { result } = await context.api.task(`${PATH}/redrive-matching`, { ...asked, dryRun: true });
      if (result.imported === 0)
        throw new Error(`Of ${plural(result.taken, 'row')} none would come in. ${describe(result)}`);
      // When this dialog is gone: it gives the focus back.
      setTimeout(() => askImport(context, asked, result, changed));
    },
  });
}

function askImport({ api, notify }, asked, found, changed) {
  ask({
    title: `Import ${plural(found.imported, 'row')} of ${plural(found.vehicles, 'vehicle')}?`,
    lead: describe(found),
    confirm: 'Import',
    submit: async () => {
      const { result } = await api.task(`${PATH}/redrive-matching`, { ...asked, dryRun: false });
      notify(`${plural(result.imported, 'row')} imported. ${describe(result)}`);
      changed();
    },
  });
}

function describe({ duplicates, stillQuarantined, left }) {
  const others = left === 0 ? '' : ` ${plural(left, 'vehicle')} more have such rows.`;
  return `${whole(duplicates)} are there already, ${whole(stillQuarantined)} are still bad.${others}`;
}
