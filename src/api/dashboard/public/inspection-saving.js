// Saves a proposed server, and begins to sync its vehicles.
import { ask } from './dialogs.js';
import { h } from './dom.js';
import { checkField, reasonField } from './fields.js';
import { plural } from './format.js';
import { actButton } from './panel.js';

const SERVERS = '/api/v1/legacy-sync/servers';
const AUTO_ADD = '/api/v1/settings/legacy_sync.vehicles.auto_add';
const MOST_SHOWN = 10;

/** The elements under a report: nothing where no server is proposed. */
export function createSaving(context, proposal, vehicles) {
  if (proposal === null || proposal.server === null) return [];
  const { server } = proposal;
  const found = h('div', { class: 'inspection-report', role: 'status' });
  const discover = () => void showVehicles(context, server.id, { found, vehicles });
  const save = actButton('save-server', 'Save the server…', () => void askSave(context, server, discover), {
    kind: 'primary',
  });
  return [h('div', { class: 'actions' }, save), found];
}

async function askSave({ api, notify }, server, saved) {
  const { servers } = await api.get(SERVERS);
  const known = servers.some(({ id }) => id === server.id);
  ask({
    title: known ? `Replace what is configured for ${server.id}?` : `Save the server ${server.id}?`,
    lead: 'Its vehicles are looked for afterwards. None is synced before you add it.',
    fields: [reasonField()],
    confirm: known ? 'Replace' : 'Save',
    submit: async ({ reason }) => {
      const body = { ...server, reason };
      await (known ? api.send('PUT', `${SERVERS}/${server.id}`, body) : api.send('POST', SERVERS, body));
      notify(`The server ${server.id} is saved.`);
      saved();
    },
  });
}

async function showVehicles(context, id, { found, vehicles }) {
  found.replaceChildren(h('p', { class: 'state' }, `Looking for the vehicles of ${id}…`));
  try {
    const { discovery } = await context.api.task(`${SERVERS}/${id}/discover-vehicles`, {});
    const again = () => void showVehicles(context, id, { found, vehicles });
    found.replaceChildren(...describe(discovery, () => void askAdd(context, id, { discovery, vehicles, again })));
  } catch (error) {
    found.replaceChildren(h('p', { class: 'form-error' }, error.message));
  }
}

function describe({ failure, vehicles, fresh, freshCount, missing, missingCount, skipped }, add) {
  if (failure !== null) return [h('p', { class: 'form-error' }, h('strong', {}, `${failure.code}: `), failure.message)];
  const label = freshCount > 0 ? `Add ${plural(freshCount, 'vehicle')}…` : 'Vehicles that appear later…';
  return [
    h('h4', {}, `${plural(vehicles, 'vehicle')} there, ${freshCount} of them not synced yet`),
    names(fresh, freshCount, ({ label: name, table, legacyVehicleId }) => `${name}: ${place(table, legacyVehicleId)}`),
    names(missing, missingCount, (each) => `${each.label} occurs nowhere: ${place(each.table, each.legacyVehicleId)}`),
    names(skipped, skipped.length, (key) => `Left out, as no statement may hold it: ${key}`),
    h('div', { class: 'actions' }, actButton('add-vehicles', label, add, { kind: 'primary' })),
  ].filter((element) => element !== null);
}

const place = (table, key) => (key === null ? table : `${table}, ${key}`);

function names(items, count, tell) {
  if (count === 0) return null;
  const shown = items.slice(0, MOST_SHOWN);
  const more = count > shown.length ? h('li', { class: 'hint' }, `and ${count - shown.length} more`) : null;
  return h('ul', { class: 'sentences' }, [...shown.map((each) => h('li', {}, tell(each))), more]);
}

async function askAdd({ api, notify }, id, { discovery: { freshCount }, vehicles, again }) {
  const { setting } = await api.get(AUTO_ADD);
  ask({
    title:
      freshCount > 0 ? `Sync ${plural(freshCount, 'vehicle')} of ${id} from now on?` : 'Vehicles that appear later',
    lead: freshCount > 0 ? 'The next fleet sync takes them along, all of their rows first.' : null,
    fields: [
      checkField({
        name: 'autoAdd',
        label: 'Add vehicles that appear later by themselves, at all servers, before each run of all vehicles',
        checked: setting.value,
      }),
      reasonField(),
    ],
    confirm: freshCount > 0 ? 'Add' : 'Set',
    submit: async ({ autoAdd, reason }) => {
      if (autoAdd !== setting.value) await api.send('PUT', AUTO_ADD, { value: autoAdd, reason });
      if (freshCount > 0) {
        const { discovery } = await api.task(`${SERVERS}/${id}/discover-vehicles`, { add: true, reason });
        if (discovery.failure !== null) throw new Error(discovery.failure.message);
        notify(`${plural(discovery.added, 'vehicle')} added.`);
      }
      vehicles.kick();
      again();
    },
  });
}
