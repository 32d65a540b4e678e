// The transport graph that readers get, what its validation found, the versions before it, and datasets that wait for a decision.
import { ask } from './dialogs.js';
import { fill, h, reconcile, row, setAttribute, setText, show, table } from './dom.js';
import { reasonField } from './fields.js';
import { NOTHING, plural, relative, short, timestamp, whole } from './format.js';
import { createIssues } from './graph-issues.js';
import { createNetworkMap } from './network-map.js';
import { actButton, badge, createPanel } from './panel.js';
import { poll } from './poll.js';

const PATH = '/api/v1/graph';
const EVERY_MS = 5_000;
const VERSIONS = 6;

const COLUMNS = [
  { label: 'Version', className: 'name' },
  { label: 'State', className: '' },
  { label: 'Stops', className: 'number' },
  { label: 'Connections', className: 'number' },
  { label: 'Findings', className: '' },
  { label: 'Live since', className: '' },
  { label: 'Actions', className: 'links', hidden: true },
];

export function createGraphPanel(context) {
  const { api } = context;
  const panel = createPanel('graph', 'Transport graph');
  const acts = createActs(context, () => asking.kick());
  const held = createHeld(acts);
  const about = h('div', { class: 'graph-about' });
  const issues = createIssues();
  const map = createNetworkMap();
  const { element: list, body } = table('Versions of the graph', COLUMNS);
  let drawn = null;

  const draw = async (version, signal) => {
    if (drawn === version) return;
    map.set(await api.get(`${PATH}/network`, { signal }));
    drawn = version;
  };
  const refresh = async (signal) => {
    try {
      const [{ versions }, { datasets }] = await Promise.all([
        api.get(`${PATH}/versions?limit=${VERSIONS}`, { signal }),
        api.get(`${PATH}/datasets?state=held&limit=10`, { signal }),
      ]);
      held.set(datasets);
      const live = versions.find(({ state }) => state === 'active') ?? (await olderActive(api, versions, signal));
      acts.setLive(live);
      if (live === null) return panel.empty(EMPTY[datasets.length > 0 ? 'held' : 'none']);
      const { report, diff } = await api.get(`${PATH}/versions/${live.version}`, { signal });
      writeAbout(about, live, report, diff, api.now());
      issues.set(report);
      reconcile(body, versions, {
        key: ({ version }) => version,
        create: () => row(COLUMNS),
        update: (line, version) => update(line, version, api.now(), acts),
      });
      panel.ready();
      return await draw(live.version, signal);
    } catch (error) {
      if (!signal.aborted) panel.failed(error);
      throw error;
    }
  };

  panel.actions.append(...acts.elements);
  panel.element.insertBefore(held.element, panel.body);
  panel.body.append(
    h('div', { class: 'graph-grid' }, h('div', { class: 'graph-report' }, about, issues.element), map.element),
    h('details', { class: 'versions' }, h('summary', {}, 'Versions'), list),
  );
  const asking = poll(refresh, () => EVERY_MS);
  return {
    element: panel.element,
    kick: asking.kick,
    stop() {
      asking.stop();
      map.close();
    },
  };
}

const EMPTY = {
  none: 'There is no graph yet: the pipeline builds the first.',
  held: 'There is no graph yet: its first dataset waits for a decision.',
};

/** One that is older than the versions that are listed. */
async function olderActive(api, versions, signal) {
  if (versions.length < VERSIONS) return null;
  try {
    return (await api.get(PATH, { signal })).graph;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

function writeAbout(element, graph, report, diff, now) {
  const age = graph.activatedAt === null ? NOTHING : relative(graph.activatedAt, now);
  fill(element, `${graph.version} ${age} ${diff !== null}`, () => [
    h(
      'div',
      { class: 'graph-name' },
      h('strong', {}, graph.version),
      badge(report.valid === false ? 'invalid' : 'valid'),
    ),
    h(
      'dl',
      { class: 'figures' },
      figure('Stops', whole(graph.nodes ?? 0)),
      figure('Connections', whole(graph.edges ?? 0)),
      figure('Parts', whole(report.weakComponents ?? 0)),
      figure('Live since', age, graph.activatedAt === null ? '' : timestamp(graph.activatedAt)),
    ),
    h('p', { class: 'hint' }, `Built from dataset ${graph.datasetVersion}. ${describeDiff(diff)}`),
  ]);
}

const figure = (label, value, title = null) =>
  h('div', { class: 'figure' }, h('dt', {}, label), h('dd', { title }, value));

function describeDiff(diff) {
  if (diff === null) return 'There is none before it to compare with.';
  const say = (what, { added, removed, changed }) =>
    added + removed + changed === 0 ? null : `${what}: +${whole(added)} −${whole(removed)}, ${whole(changed)} changed`;
  const parts = [say('stops', diff.nodes), say('connections', diff.edges)].filter((part) => part !== null);
  return parts.length === 0 ? 'The same as the one before.' : `Beside the one before, ${parts.join('; ')}.`;
}

function update(line, { version, state, nodes, edges, errors, warnings, activatedAt }, now, acts) {
  const [name, stateCell, stops, connections, findings, since, actions] = line.children;
  setText(name, version);
  fill(stateCell, state, () => badge(state));
  setText(stops, nodes === null ? NOTHING : short(nodes));
  setText(connections, edges === null ? NOTHING : short(edges));
  setText(
    findings,
    errors + warnings === 0
      ? 'none'
      : [errors > 0 ? plural(errors, 'error') : null, warnings > 0 ? plural(warnings, 'warning') : null]
          .filter(Boolean)
          .join(', '),
  );
  setText(since, activatedAt === null ? NOTHING : relative(activatedAt, now));
  setAttribute(since, 'title', activatedAt === null ? null : timestamp(activatedAt));
  fill(actions, state, () => (state === 'retired' ? acts.activate(version) : null) ?? '');
}

/** What an operator may do to graphs and datasets; each wants a reason. */
function createActs(context, changed) {
  const none = { elements: [], setLive() {}, activate: () => null, decide: () => [] };
  if (!context.may('operator')) return none;
  const { api, notify } = context;
  const act = (path, said) => async (values) => {
    const answer = await api.send('POST', `${PATH}/${path}`, values);
    notify(said(answer));
    changed();
  };
  const switched = ({ to }) => `Readers get ${to} now.`;
  let before = null;
  const rollback = actButton('rollback', 'Roll back…', () =>
    ask({
      title: `Send readers back to ${before}?`,
      lead: 'The pipeline does not build the one that is left again until its data changes.',
      fields: [reasonField(true)],
      confirm: 'Roll back',
      danger: true,
      submit: act('rollback', switched),
    }),
  );
  show(rollback, false);
  const activate = (version) =>
    actButton(
      'activate',
      'Activate…',
      () =>
        ask({
          title: `Send readers to ${version}?`,
          fields: [reasonField(true)],
          confirm: 'Activate',
          submit: act(`versions/${version}/activate`, switched),
        }),
      { kind: 'small', name: `Activate ${version}` },
    );
  const decide = ({ version }) =>
    ['approve', 'reject'].map((verb) =>
      actButton(
        verb,
        verb === 'approve' ? 'Approve…' : 'Reject…',
        () =>
          ask({
            title: `${verb === 'approve' ? 'Approve' : 'Reject'} dataset ${version}?`,
            lead:
              verb === 'approve'
                ? 'The next sync takes this content.'
                : 'This content is never taken; a sync that finds it again skips it.',
            fields: [reasonField(true)],
            confirm: verb === 'approve' ? 'Approve' : 'Reject',
            danger: verb === 'reject',
            submit: act(
              `datasets/${version}/${verb}`,
              () => `Dataset ${version} is ${verb === 'approve' ? 'approved' : 'rejected'}.`,
            ),
          }),
        { kind: 'small', name: `${verb === 'approve' ? 'Approve' : 'Reject'} dataset ${version}` },
      ),
    );
  const setLive = (live) => {
    before = live?.previousVersion ?? null;
    show(rollback, before !== null);
  };
  return { elements: [rollback], setLive, activate, decide };
}

function createHeld(acts) {
  const element = h('ul', { class: 'held', 'aria-label': 'Datasets that wait for a decision', hidden: true });
  return {
    element,
    set(datasets) {
      show(element, datasets.length > 0);
      reconcile(element, datasets, {
        key: ({ version }) => version,
        create: (dataset) =>
          h(
            'li',
            {},
            h('div', {}, h('strong', {}, `Dataset ${dataset.version} is held. `), h('span', { class: 'held-why' })),
            h('div', { class: 'actions' }, acts.decide(dataset)),
          ),
        update: (line, { heldReason, decidedBy, stops, routes, flights }) =>
          setText(
            line.querySelector('.held-why'),
            `${heldReason} (${plural(stops, 'stop')}, ${plural(routes, 'route')}, ${plural(flights, 'flight')})${decidedBy === null ? '' : `; approved by ${decidedBy}, the next sync takes it`}`,
          ),
      });
    },
  };
}
