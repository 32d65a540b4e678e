// What an operator may do about differences: compare, repair, and remove what the source does not have.
import { ask } from './dialogs.js';
import { setText, show } from './dom.js';
import { checkField, reasonField, textField } from './fields.js';
import { plural, whole } from './format.js';
import { actButton } from './panel.js';

const PATH = '/api/v1/legacy-sync/reconciliations';
const DAY = { pattern: '[0-9]{4}-[0-9]{2}-[0-9]{2}', title: 'YYYY-MM-DD' };

/** The buttons that the key's role may use; a viewer gets none. `set` says what was found last, and how many rows are marked. */
export function createReconciliationActions(context, changed) {
  if (!context.may('operator')) return { elements: [], set() {} };
  let last = null;
  let marked = { rows: 0, vehicles: 0 };
  const compare = actButton('reconcile', 'Compare…', () => askCompare(context, changed));
  const repair = actButton('repair', 'Repair…', () => askRepair(context, last, changed));
  const remove = actButton('remove-extra', 'Remove extra rows…', () => askRemove(context, marked, changed));
  return {
    elements: [compare, repair, ...(context.may('admin') ? [remove] : [])],
    set(found, nowMarked) {
      last = found;
      marked = nowMarked;
      compare.disabled = found?.state === 'running';
      show(repair, found !== null && found.state !== 'running' && found.repairedDays < found.differingDays);
      show(remove, marked.rows > 0);
      setText(remove, `Remove ${plural(marked.rows, 'extra row')}…`);
    },
  };
}

function askCompare({ api, notify }, changed) {
  ask({
    title: 'Compare all vehicles with their source?',
    lead: 'The legacy servers are asked for sums over ranges of ids. Nothing is changed there.',
    fields: [
      textField({ name: 'from', label: 'First day (optional)', hint: 'Of each server’s zone.', ...DAY }),
      textField({ name: 'to', label: 'Last day (optional)', ...DAY }),
      checkField({ name: 'repair', label: 'Bring what differs in line at once' }),
      reasonField(),
    ],
    confirm: 'Compare',
    submit: async (values) => {
      await api.send('POST', PATH, values);
      notify('The comparison has begun.');
      changed();
    },
  });
}

function askRepair(
  { api, notify },
  { reconciliationId, differingDays, repairedDays, missing, changed: others, extra },
  changed,
) {
  ask({
    title: `Repair ${plural(differingDays - repairedDays, 'day')} that differ?`,
    lead:
      `${whole(missing + others)} missing and changed rows are read again and put in the place of the old ones. ` +
      `${whole(extra)} rows that the source does not have are marked, and stay until somebody removes them.`,
    fields: [reasonField(true)],
    confirm: 'Repair',
    submit: async (values) => {
      await api.send('POST', `${PATH}/${reconciliationId}/repair`, values);
      notify('The repair has begun.');
      changed();
    },
  });
}

function askRemove({ api, notify }, { rows, vehicles }, changed) {
  ask({
    title: `Remove ${plural(rows, 'row')} of ${plural(vehicles, 'vehicle')} for good?`,
    lead: 'Their source does not have them any more: they may be the only copy.',
    fields: [reasonField(true)],
    confirm: 'Remove',
    danger: true,
    submit: async (values) => {
      const { removed } = await api.task(`${PATH}/remove-extra`, values);
      notify(`${plural(removed, 'row')} removed.`);
      changed();
    },
  });
}
