// The transport graph that readers get, what its validation found, the versions before it, and datasets that wait for a decision.
import { fill, h, reconcile, row, setText, show, table } from './dom.js';
import { NOTHING, plural, relative, sentence, short, whole } from './format.js';
import { createGraphActions } from './graph-actions.js';
import { createIssues } from './graph-issues.js';
import { age, moment, writeAge } from './moments.js';
import { createNetworkMap } from './network-map.js';
import { badge, createPanel } from './panel.js';
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
  { label: 'Went live', className: '' },
  { label: 'Actions', className: 'links', hidden: true },
];

export function createGraphPanel(context) {
  const { api } = context;
  const panel = createPanel('graph', 'Transport graph');
  const acts = createGraphActions(context, () => asking.kick());
  const held = createHeld(acts);
  const rolledBack = createRolledBack();
  const about = h('div', { class: 'graph-about' });
  const issues = createIssues();
  const map = createNetworkMap();
  const { element: list, body } = table('Versions of the graph', COLUMNS, 'pairs');
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
      rolledBack.set(live, newerThan(live, versions), api.now());
      writeAbout(about, { graph: live, report, diff }, api.now());
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
    rolledBack.element,
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

/** Reads the active version when it is older than the versions in the list. */
async function olderActive(api, versions, signal) {
  if (versions.length < VERSIONS) return null;
  try {
    return (await api.get(PATH, { signal })).graph;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** The latest version that is newer than the live one and was live once: readers were sent back from it. `versions` has the latest first. */
function newerThan(live, versions) {
  const place = versions.findIndex(({ version }) => version === live.version);
  const later = place === -1 ? versions : versions.slice(0, place);
  const wasLive = ({ state, activatedAt }) => activatedAt !== null && (state === 'retired' || state === 'deleted');
  return later.find(wasLive) ?? null;
}

function createRolledBack() {
  const element = h('p', { class: 'notice', hidden: true });
  return {
    element,
    set(live, newer, now) {
      show(element, newer !== null);
      if (newer === null) return undefined;
      const ago = relative(live.activatedAt, now);
      return fill(element, `${live.version} ${newer.version} ${live.activatedAt} ${ago}`, () => [
        h('strong', {}, 'Rolled back. '),
        `Readers get ${live.version} since `,
        moment(live.activatedAt),
        ` (${ago}). The newest, ${newer.version}, is not live; the pipeline builds another when its data changes.`,
      ]);
    },
  };
}

function writeAbout(element, { graph, report, diff }, now) {
  const since = graph.activatedAt === null ? NOTHING : relative(graph.activatedAt, now);
  fill(element, `${graph.version} ${graph.activatedAt} ${since} ${diff !== null}`, () => [
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
      figure('Separate parts', whole(report.weakComponents ?? 0)),
      figure('Live since', graph.activatedAt === null ? NOTHING : age(graph.activatedAt, now)),
    ),
    h('p', { class: 'hint' }, `Built from dataset ${graph.datasetVersion}. ${describeDiff(diff)}`),
  ]);
}

const figure = (label, value) => h('div', { class: 'figure' }, h('dt', {}, label), h('dd', {}, value));

/** Describes changes as `3 stops added, 1 removed`; empty when nothing changed. */
function describeChanges(what, counts) {
  const kinds = ['added', 'removed', 'changed'].filter((kind) => counts[kind] > 0);
  return kinds.map((kind, n) => `${n === 0 ? plural(counts[kind], what) : whole(counts[kind])} ${kind}`).join(', ');
}

function describeDiff(diff) {
  if (diff === null) return 'There was none before it to compare with.';
  const parts = [describeChanges('stop', diff.nodes), describeChanges('connection', diff.edges)].filter(Boolean);
  return parts.length === 0 ? 'The same as the one before.' : `Since the one before: ${parts.join('; ')}.`;
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
  writeAge(since, activatedAt, now, NOTHING);
  fill(actions, state, () => (state === 'retired' ? acts.activate(version) : null) ?? '');
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
        update(line, { heldReason, decidedBy, stops, routes, flights }) {
          const content = `${plural(stops, 'stop')}, ${plural(routes, 'route')}, ${plural(flights, 'flight')}`;
          const decision = decidedBy === null ? '' : ` It was approved by ${decidedBy}: the next sync takes it.`;
          setText(line.querySelector('.held-why'), `${sentence(heldReason)} (${content}).${decision}`);
          const approve = line.querySelector('[data-act=approve]');
          if (approve !== null) show(approve, decidedBy === null);
        },
      });
    },
  };
}
