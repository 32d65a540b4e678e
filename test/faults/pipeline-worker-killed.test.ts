import { expect, test } from '@jest/globals';
import { GraphReader } from '../../src/graph-store/graph-reader.ts';
import { eventually } from '../support/eventually.ts';
import { type Pipeline, withPipeline } from '../support/pipeline.ts';

interface Case {
  point: string;
  /** Whether readers have the new graph while no worker runs. */
  switched: boolean;
}

const CASES: Case[] = [
  { point: 'odata-sync:save', switched: false },
  { point: 'odata-sync:saved', switched: false },
  { point: 'virtual-entities:generated', switched: false },
  { point: 'graph-builder:loaded', switched: false },
  { point: 'graph-builder:before-switch', switched: false },
  { point: 'graph-builder:after-switch', switched: true },
];
/** Before it is swept. */
const LEASE_MS = 1_000;

// At once: most of the time is waiting for the heartbeat of the dead to be missed.
test.concurrent.each(CASES)(
  'kill -9 at $point: readers have a whole graph, the old or the new one, and the run ends by itself with nothing left behind',
  ({ point, switched }) =>
    withPipeline(
      { settings: { 'graph.build_lease_ms': LEASE_MS, 'graph.refill_check_ms': 500, 'graph.grace_ms': 0 } },
      async (pipeline) => {
        const killed = await pipeline.startWorker({ fault: `${point}:2` });
        expect(await pipeline.orchestrator.executeFullPipeline()).toMatchObject({ success: true });
        const before = await readWholeGraph(pipeline);
        pipeline.network.Stops.push({ ...pipeline.network.Stops[0], Id: 'stop-new', Name: 'Новая' });
        pipeline.network.Routes.push({ ...pipeline.network.Routes[0], Id: 'route-new', ToStopId: 'stop-new' });
        const running = pipeline.orchestrator.executeFullPipeline();
        await killed.ended;
        const meanwhile = await readWholeGraph(pipeline);
        expect(meanwhile.has('stop-new')).toBe(switched);
        if (!switched) expect(meanwhile).toEqual(before);

        await pipeline.startWorker();
        expect(await running).toMatchObject({ success: true, workersExecuted: 3 });
        const after = await readWholeGraph(pipeline);
        expect([...after].toSorted()).toEqual([...before, 'stop-new'].toSorted());
        await expectNothingLeft(pipeline);
      },
    ),
  120_000,
);

/** The ids of its stops; every one of them has its node and its neighbours. */
async function readWholeGraph({ redis }: Pipeline): Promise<Set<string>> {
  return new GraphReader(redis).read(async (graph) => {
    const ids = await graph.stopIds();
    for (const id of ids) {
      expect(await graph.node(id)).toMatchObject({ stopId: id });
      for (const { toStopId } of (await graph.neighbors(id))!) expect(ids).toContain(toStopId);
    }
    return new Set(ids);
  });
}

/** Neither rows that are under way, nor keys of a graph that no row knows, nor flights without their route. */
async function expectNothingLeft({ redis, rows }: Pipeline): Promise<void> {
  await eventually(
    async () => {
      // The row of the build that died says so, and has no keys.
      const graphs = await rows<{ version: string; state: string }>(
        `SELECT version, state FROM graphs WHERE state <> 'failed' ORDER BY id`,
      );
      expect(graphs.map(({ state }) => state)).toEqual(['retired', 'active']);
      expect(await redis.get('graph:version')).toBe(graphs[1]!.version);
      const versions = new Set((await redis.keys('graph:graph-v*')).map((key) => key.split(':')[1]));
      expect([...versions].toSorted((a, b) => (a! < b! ? -1 : 1))).toEqual(graphs.map(({ version }) => version));
    },
    { withinMs: 30_000, everyMs: 250 },
  );
  expect(await rows(`SELECT FROM stage_runs WHERE status = 'running'`)).toEqual([]);
  expect(await rows(`SELECT state, count(*)::int AS n FROM datasets GROUP BY state ORDER BY state`)).toEqual([
    { state: 'active', n: 1 },
    { state: 'superseded', n: 1 },
  ]);
  expect(
    await rows(
      `SELECT count(*)::int - (SELECT count(*)::int * 730 FROM virtual_routes) AS n FROM flights WHERE is_virtual`,
    ),
  ).toEqual([{ n: 0 }]);
}
