// The legacy servers: whether their circuits let work through, and how many may be in flight there, and why.
import { ask } from './dialogs.js';
import { fill, reconcile, row, setText, show, table } from './dom.js';
import { reasonField } from './fields.js';
import { bytes, duration, NOTHING, relative, whole } from './format.js';
import { actButton, badge, createPanel } from './panel.js';
import { pollInto } from './poll.js';

const PATH = '/api/v1/legacy-sync/servers';
const EVERY_MS = 4_000;

const COLUMNS = [
  { label: 'Server', className: 'name' },
  { label: 'Circuit', className: 'status' },
  { label: 'In flight', className: 'number' },
  { label: 'Limit', className: 'number' },
  { label: 'Because', className: 'error' },
  { label: 'Vehicles', className: 'number' },
  { label: 'Line', className: 'number' },
  { label: 'Last check', className: 'words' },
  { label: 'Actions', className: 'links', hidden: true },
];

export function createServersPanel(context) {
  const panel = createPanel('servers', 'Legacy servers');
  const { element: list, body } = table('Legacy servers with their circuits and limits', COLUMNS, 'server-list');
  panel.body.append(list);
  const close = (id) => askClose(context, id, () => asking.kick());
  const look = async (signal) => {
    const { servers } = await context.api.get(PATH, { signal });
    reconcile(body, servers, {
      key: ({ id }) => id,
      create: (server) => create(context, server, close),
      update: (line, server) => update(line, server, context.api.now()),
    });
    return servers.length === 0 ? 'There are no legacy servers yet.' : undefined;
  };
  const asking = pollInto(panel, look, () => EVERY_MS);
  return { element: panel.element, kick: asking.kick, stop: asking.stop };
}

function create(context, { id }, close) {
  const line = row(COLUMNS);
  if (context.may('operator')) {
    const label = `Close the circuit of ${id}`;
    line.lastElementChild.append(
      actButton('close-circuit', 'Close circuit…', () => close(id), { kind: 'small', name: label }),
    );
  }
  return line;
}

function update(line, { id, circuit, places, vehicles, line: speed, lastCheck }, now) {
  const [name, state, inFlight, limit, because, count, way, check, actions] = line.children;
  setText(name, id);
  fill(state, circuit.state, () => badge(circuit.state));
  setText(inFlight, whole(places.inFlight));
  setText(limit, places.limit === places.fixedLimit ? whole(places.limit) : `${places.limit} of ${places.fixedLimit}`);
  setText(because, circuit.state === 'closed' ? (places.reason ?? NOTHING) : (circuit.code ?? NOTHING));
  setText(count, whole(vehicles));
  setText(way, speed === null ? NOTHING : `${bytes(speed.bytesPerSecond)}/s`);
  setText(check, checkText(lastCheck, now));
  check.title = lastCheck?.failure?.message ?? '';
  check.classList.toggle('error', Boolean(lastCheck?.failure));
  for (const button of actions.children) show(button, circuit.state !== 'closed');
}

function checkText(check, now) {
  if (check === null) return NOTHING;
  const { failure, failingSince, checkedAt, durationMs } = check;
  return failure === null
    ? `answered in ${duration(durationMs)}, ${relative(checkedAt, now)}`
    : `${failure.code}, first ${relative(failingSince, now)}`;
}

function askClose(context, id, closed) {
  ask({
    title: `Close the circuit of ${id}?`,
    lead: 'Runs use the server again at once. Mend first what opened it.',
    fields: [reasonField(true)],
    confirm: 'Close circuit',
    submit: async (body) => {
      await context.api.send('POST', `${PATH}/${id}/close-circuit`, body);
      context.notify(`The circuit of ${id} is closed.`);
      closed();
    },
  });
}
