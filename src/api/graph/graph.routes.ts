import { z } from 'zod';
import { route } from '../core/route.ts';
import { count, neededReason, page, pageQuery, success } from '../core/shapes.ts';

const version = z
  .string()
  .regex(/^graph-v[0-9]{1,18}$/, 'such as graph-v1000000001')
  .meta({ example: 'graph-v1000000001' });
const versionParams = z.strictObject({ version });
const stopId = z.string().min(1).max(300);
const stopParams = z.strictObject({ stopId });
const datasetParams = z.strictObject({
  version: z
    .string()
    .regex(/^[0-9]{1,18}$/, 'a whole number')
    .meta({ example: '12' }),
});
const decision = z.strictObject({ reason: neededReason });

const graph = z.strictObject({
  version,
  state: z.enum(['building', 'activating', 'active', 'retired', 'deleted', 'failed']),
  datasetVersion: z.string(),
  nodes: count.nullable(),
  edges: count.nullable(),
  valid: z.boolean().nullable(),
  errors: count,
  warnings: count,
  previousVersion: z.string().nullable(),
  createdAt: z.iso.datetime(),
  activatedAt: z.iso.datetime().nullable(),
  retiredAt: z.iso.datetime().nullable(),
});

const dataset = z.strictObject({
  version: z.string(),
  source: z.string(),
  state: z.enum(['active', 'superseded', 'held', 'rejected']),
  stops: count,
  routes: count,
  flights: count,
  heldReason: z.string().nullable(),
  decidedBy: z.string().nullable(),
  decisionReason: z.string().nullable(),
  decidedAt: z.iso.datetime().nullable(),
  createdAt: z.iso.datetime(),
});

const node = z.strictObject({
  stopId,
  stopName: z.string(),
  latitude: z.number().optional(),
  longitude: z.number().optional(),
  cityName: z.string().optional(),
});

const edge = z.strictObject({
  fromStopId: stopId,
  toStopId: stopId,
  weight: z.number().meta({ description: 'Minutes.' }),
  distance: z.number().optional().meta({ description: 'Kilometres.' }),
  transportType: z.string().optional(),
  routeId: z.string().optional(),
});

const PINNED =
  'One version of the graph is pinned and named in `X-Graph-Version`; it is the `ETag` too, so that `If-None-Match` saves the body.';
const READING = { 304: 'The graph is still the one of `If-None-Match`.' };

export const ACTIVE_GRAPH = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'The graph that readers get, with its validation report',
  recent: true,
  answer: success({
    graph: graph.extend({ ageSeconds: z.number().nullable(), report: z.record(z.string(), z.unknown()) }),
  }),
  also: { 404: 'There is no graph yet.' },
});

export const LIST_GRAPHS = route({
  method: 'GET',
  path: 'versions',
  access: 'viewer',
  summary: 'The versions, the latest first',
  query: pageQuery,
  answer: page('versions', graph),
});

export const READ_GRAPH = route({
  method: 'GET',
  path: 'versions/:version',
  access: 'viewer',
  summary: 'One version with its validation report and what changed from the one before',
  params: versionParams,
  answer: success({
    graph,
    report: z.record(z.string(), z.unknown()),
    diff: z.record(z.string(), z.unknown()).nullable(),
  }),
  also: { 404: 'There is no such version.' },
});

/** The graph that the caller means to leave. */
const switching = decision.extend({
  from: version.optional().meta({
    description:
      'The live version as you saw it: when another is live by then, nothing is switched (409). Else the one that is live when the request arrives.',
  }),
});
const switched = success({ from: z.string(), to: version });

export const ACTIVATE_GRAPH = route({
  method: 'POST',
  path: 'versions/:version/activate',
  access: 'operator',
  summary: 'Send readers to this version, which must still be whole in Redis',
  params: versionParams,
  body: switching,
  answer: switched,
  also: {
    404: 'There is no such version.',
    409: 'It is live already, or gone from Redis, or another than `from` is live.',
  },
});

export const ROLLBACK_GRAPH = route({
  method: 'POST',
  path: 'rollback',
  access: 'operator',
  summary: 'Send readers back to the version before the live one',
  body: switching,
  answer: switched,
  also: { 409: 'There is no version to go back to, or another than `from` is live.' },
});

export const LIST_DATASETS = route({
  method: 'GET',
  path: 'datasets',
  access: 'viewer',
  summary: 'Datasets of the source, the latest first; `state=held` wait for a decision',
  query: pageQuery.extend({ state: z.enum(['active', 'superseded', 'held', 'rejected']).optional() }),
  answer: page('datasets', dataset),
});

export const APPROVE_DATASET = route({
  method: 'POST',
  path: 'datasets/:version/approve',
  access: 'operator',
  summary: 'Let the next sync take a held dataset',
  params: datasetParams,
  body: decision,
  answer: success({ dataset }),
  also: { 404: 'There is no such dataset.', 409: 'It is not held.' },
});

export const REJECT_DATASET = route({
  method: 'POST',
  path: 'datasets/:version/reject',
  access: 'operator',
  summary: 'Never take this content',
  params: datasetParams,
  body: decision,
  answer: success({ dataset }),
  also: { 404: 'There is no such dataset.', 409: 'It is not held.' },
});

export const READ_NODE = route({
  method: 'GET',
  path: 'nodes/:stopId',
  access: 'viewer',
  summary: 'One stop',
  description: PINNED,
  params: stopParams,
  answer: node,
  also: { ...READING, 404: 'The graph has no such stop.' },
});

export const READ_NEIGHBORS = route({
  method: 'GET',
  path: 'nodes/:stopId/neighbors',
  access: 'viewer',
  summary: 'The connections that leave a stop',
  description: PINNED,
  params: stopParams,
  answer: z.array(edge),
  also: { ...READING, 404: 'The graph has no such stop.' },
});

export const FIND_PATH = route({
  method: 'GET',
  path: 'path',
  access: 'viewer',
  summary: 'The quickest way from one stop to another',
  description: PINNED,
  query: z.strictObject({ from: stopId, to: stopId }),
  answer: success({
    version,
    from: stopId,
    to: stopId,
    minutes: z.number(),
    distanceKm: z.number().nullable(),
    path: z.array(edge),
  }),
  also: { ...READING, 404: 'The graph has no such stop, or no way between them.' },
});

export const READ_NETWORK = route({
  method: 'GET',
  path: 'network',
  access: 'viewer',
  summary: 'The whole network, for drawing: stops with coordinates, and pairs of their positions in that list',
  description: PINNED,
  answer: success({ version, nodes: z.array(node), edges: z.array(z.tuple([z.number(), z.number()])) }),
  also: READING,
});
