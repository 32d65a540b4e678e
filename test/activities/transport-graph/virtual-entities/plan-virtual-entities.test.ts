import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { CitiesDirectory } from '../../../../src/activities/transport-graph/virtual-entities/cities-directory.ts';
import { parseCities } from '../../../../src/activities/transport-graph/virtual-entities/cities-directory.ts';
import {
  type PlanInput,
  planVirtualEntities,
} from '../../../../src/activities/transport-graph/virtual-entities/plan-virtual-entities.ts';
import type {
  RealStop,
  VirtualPlan,
} from '../../../../src/activities/transport-graph/virtual-entities/virtual-plan.ts';
import { buildTransportGraph } from '../../../../src/graph/transport-graph.ts';
import { validateGraph } from '../../../../src/graph/validate-graph.ts';

const NAMES = ['Альфа', 'Бета', 'Гамма', 'Дельта', 'Эпсилон', 'Дзета', 'Эта', 'Тета'];

function directoryOf(names: readonly string[]): CitiesDirectory {
  const cities = names.map((name) => ({
    name,
    latitude: 60 + NAMES.indexOf(name),
    longitude: 120 + ((NAMES.indexOf(name) * 7) % 5),
    timeZone: 'Asia/Yakutsk',
    population: 1,
    source: 'a test of ours',
  }));
  return parseCities(JSON.stringify({ cities }), 'the test');
}

/** What the source and the settings say at one moment. */
interface Moment {
  directory: string[];
  served: string[];
  /** Routes of the source, one way each; those between cities that are not served are not there. */
  ways: [string, string][];
  hubCity: string;
  strategy: 'hub' | 'direct';
  maxVirtualRoutes: number;
}

/** What is in the tables. */
interface World {
  stopIds: Set<string>;
  routes: Map<string, { fromStopId: string; toStopId: string }>;
}

const stopsOf = ({ served }: Moment): RealStop[] =>
  served.map((cityName) => ({
    id: `stop-${cityName}`,
    name: cityName,
    cityName,
    latitude: 60 + NAMES.indexOf(cityName),
    longitude: 120.5,
    flights: NAMES.indexOf(cityName),
  }));

const waysOf = ({ served, ways }: Moment): { fromStopId: string; toStopId: string }[] =>
  ways
    .filter((ends) => ends.every((name) => served.includes(name)))
    .map(([from, to]) => ({ fromStopId: `stop-${from}`, toStopId: `stop-${to}` }));

function inputOf(moment: Moment, world: World): PlanInput {
  const { hubCity, strategy, maxVirtualRoutes } = moment;
  return {
    directory: directoryOf(moment.directory),
    realStops: stopsOf(moment),
    realRoutes: waysOf(moment),
    virtualStopIds: [...world.stopIds],
    virtualRoutes: [...world.routes.values()],
    settings: { strategy, hubCity, maxVirtualRoutes, speedKmh: 60, oneWayStops: 'error' },
  };
}

/** As `generateVirtualEntities` does it in SQL: obsolete stops go, then routes without an end, then the plan is added. */
function apply(world: World, plan: VirtualPlan, realStops: RealStop[]): void {
  for (const id of plan.obsoleteStopIds) world.stopIds.delete(id);
  const has = (id: string): boolean => world.stopIds.has(id) || realStops.some((stop) => stop.id === id);
  for (const [id, { fromStopId, toStopId }] of world.routes) {
    if (!has(fromStopId) || !has(toStopId)) world.routes.delete(id);
  }
  for (const { id } of plan.stops) world.stopIds.add(id);
  for (const { id, fromStopId, toStopId } of plan.routes) world.routes.set(id, { fromStopId, toStopId });
}

function reportOf(world: World, realStops: RealStop[], ways: ReturnType<typeof waysOf> = []) {
  const place = { latitude: 60, longitude: 120 };
  const virtual = [...world.stopIds].map((id) => ({ id, name: id, cityName: null, ...place, virtual: true }));
  const real = realStops.map(({ id, name, cityName }) => ({ id, name, cityName, ...place, virtual: false }));
  const own = ways.map((ends, i) => [`way-${i}`, ends] as const);
  const routes = [...world.routes, ...own].map(([id, ends]) => ({
    id,
    ...ends,
    weight: 1,
    distance: 1,
    transportType: 'BUS',
  }));
  return validateGraph({
    graph: buildTransportGraph({ stops: [...real, ...virtual], routes }),
    orphanFlights: 0,
    horizonDays: 365,
    active: null,
    oneWayStops: 'error',
    hubStopId: null,
    maxShrinkPercent: 30,
    shrinkApprovedBy: null,
  });
}

const cities = fc.subarray(NAMES, { minLength: 2 });
const moments: fc.Arbitrary<Moment> = fc.record({
  directory: cities,
  served: fc.subarray(NAMES),
  ways: fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES)), { maxLength: 12 }),
  hubCity: fc.constantFrom(...NAMES, 'Нигде'),
  strategy: fc.constantFrom('hub' as const, 'direct' as const),
  maxVirtualRoutes: fc.constantFrom(16, 24, 500),
});

test('after any changes of directory, source, its one-way routes, hub and strategy every stop reaches every other, and every stop of it is wanted', () => {
  fc.assert(
    fc.property(fc.array(moments, { minLength: 1, maxLength: 8 }), (history) => {
      const world: World = { stopIds: new Set(), routes: new Map() };
      for (const moment of history) {
        const realStops = stopsOf(moment);
        const plan = planVirtualEntities(inputOf(moment, world));
        apply(world, plan, realStops);
        expect(plan.routes.length).toBeLessThanOrEqual(moment.maxVirtualRoutes);
        expect([...world.stopIds].sort()).toEqual(plan.stops.map(({ id }) => id).sort());
        expect(reportOf(world, realStops, waysOf(moment))).toMatchObject({
          valid: true,
          weakComponents: 1,
          strongComponents: 1,
        });
      }
    }),
    { numRuns: 200 },
  );
});

const many = Array.from({ length: 60 }, (_, i) => ({
  name: `Город ${i}`,
  latitude: 55 + (i % 10),
  longitude: 110 + Math.floor(i / 10) * 3,
  timeZone: 'Asia/Yakutsk',
  population: 1,
  source: 'a test of ours',
}));
const sixty = (count: number): CitiesDirectory =>
  parseCities(JSON.stringify({ cities: many.slice(0, count) }), 'the test');
const withoutHub = (count: number, maxVirtualRoutes: number, virtualRoutes: PlanInput['virtualRoutes'] = []) =>
  planVirtualEntities({
    directory: sixty(count),
    realStops: [],
    realRoutes: [],
    virtualStopIds: [],
    virtualRoutes,
    settings: { strategy: 'hub', hubCity: 'Нигде', maxVirtualRoutes, speedKmh: 60, oneWayStops: 'error' },
  });

test('without a hub sixty cities are connected within the default cap, and no two lost connections part them', () => {
  const plan = withoutHub(60, 500);
  expect(plan).toMatchObject({ strategy: 'direct', hubStopId: null });
  expect(plan.routes).toHaveLength(500);
  expect(plan.warnings).toEqual([
    'Direct connections between 60 cities take 3540 routes and transport_graph.virtual.max_routes is 500: ' +
      'a sparser mesh of 500 routes connects all of them',
  ]);
  const pairs = plan.routes.filter(({ fromStopId, toStopId }) => fromStopId < toStopId);
  const worldOf = (routes: typeof pairs): World => ({
    stopIds: new Set(plan.stops.map(({ id }) => id)),
    routes: new Map(routes.map((route) => [route.id, route])),
  });
  for (let i = 0; i < pairs.length; i += 11) {
    for (let j = i + 1; j < pairs.length; j += 11) {
      const left = pairs.filter((_, k) => k !== i && k !== j);
      expect(reportOf(worldOf(left), []).weakComponents).toBe(1);
    }
  }
});

test('a cap of a spanning tree is enough, one less is refused with the number that is needed', () => {
  expect(withoutHub(60, 118).routes).toHaveLength(118);
  expect(() => withoutHub(60, 117)).toThrow(/takes at least 118 virtual routes and 117 are allowed/);
});

test('one more city, with room for its connections, leaves the mesh of the others as it is', () => {
  const before = withoutHub(50, 300).routes;
  const after = new Set(withoutHub(51, 308, before).routes.map(({ id }) => id));
  expect(before.filter(({ id }) => !after.has(id))).toEqual([]);
});
