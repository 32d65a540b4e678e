import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { type Fleet, TABLE, withFleet } from '../support/fleet.ts';
import { expectInvariants } from '../support/invariants.ts';

/** Every vehicle of the table together, whatever it costs; small slices, so that there are some. */
const TOGETHER = {
  'export.unit': 'table',
  'export.range_rows': 400,
  'export.overlap_ids': 100,
  'export.compression': 'none',
};

async function reads({ pool }: Fleet, runId: string) {
  const { rows } = await pool.query(
    `SELECT number, status, rows::int, skipped::int, inserted::int, failure_code AS code FROM table_slices WHERE run_id = $1 ORDER BY number`,
    [runId],
  );
  return rows;
}

async function vehicles({ pool }: Fleet, runId: string) {
  const { rows } = await pool.query(
    `SELECT sync.vehicle_id::text AS id, sync.status, sync.read_id IS NOT NULL AS together, sync.left_out, sync.failure_code AS code,
            sync.rows::int, sync.inserted::int, sync.quarantined::int, vehicle.watermark::text, sync.frozen_to_id::text AS "frozenTo"
       FROM vehicle_syncs AS sync JOIN vehicles AS vehicle ON vehicle.id = sync.vehicle_id WHERE sync.run_id = $1 ORDER BY sync.vehicle_id`,
    [runId],
  );
  return rows;
}

test(
  'a table is read once for all its vehicles, slice by slice, and then its news and what was committed late',
  () =>
    withFleet({ settings: TOGETHER }, async (fleet) => {
      const ids = await fleet.addVehicles(6, { rows: 300, idStep: 10 });
      await fleet.startWorker();
      const first = await fleet.start({ maxWorkers: 2 });
      expect(await first.result()).toMatchObject({ completed: 6, failed: 0, rows: 1_800 });
      const slices = await reads(fleet, first.runId);
      expect(slices.length).toBeGreaterThanOrEqual(4);
      expect(slices.every(({ status }) => status === 'completed')).toBe(true);
      for (const vehicle of await vehicles(fleet, first.runId)) {
        expect(vehicle).toMatchObject({ status: 'completed', together: true, rows: 300, inserted: 300 });
        expect(vehicle.watermark).toBe(vehicle.frozenTo);
      }
      await expectInvariants(fleet, ids);
      // The page on working by hand says how a vehicle's slice is found.
      const query = `LegacyTable="depot/${TABLE}" AND FleetRun="${first.runId}"`;
      const [vehicle] = await fleet.manager.results(first.runId);
      await eventually(async () => {
        const { stdout } = await fleet.temporal('workflow', 'list', '-q', query);
        expect(stdout).toContain(`table-slice/depot/${TABLE}/${first.runId}/${vehicle!.slice!.number}`);
      });

      // Two have news; a third one has a row that committed late, below its watermark, and news too.
      await fleet.legacy.query(
        `INSERT INTO ${TABLE} (id, vehicle_id, device_time, latitude, longitude) VALUES
       (3101, 1, '2025-02-01 00:00:00', 62, 129), (3102, 2, '2025-02-01 00:00:00', 62, 129), (3103, 3, '2025-02-01 00:00:00', 62, 129),
       (2999, 3, '2025-01-31 23:00:00', 62, 129), (3104, 99, '2025-02-01 00:00:00', 62, 129);`,
      );
      const second = await fleet.start({ maxWorkers: 2 });
      expect(await second.result()).toMatchObject({ completed: 3, failed: 0, upToDate: 3 });
      const [slice] = await reads(fleet, second.runId);
      expect(slice).toMatchObject({ status: 'completed', inserted: 4 });
      expect(slice.skipped).toBeGreaterThan(0);
      await expectInvariants(fleet, ids);

      // Nothing new, and a late row alone: that vehicle's window is read again, by itself.
      await fleet.legacy.query(
        `INSERT INTO ${TABLE} (id, vehicle_id, device_time, latitude, longitude) VALUES (3050, 2, '2025-01-31 23:00:00', 62, 129);`,
      );
      const third = await fleet.start({ maxWorkers: 2 });
      expect(await third.result()).toMatchObject({ completed: 1, failed: 0, upToDate: 5 });
      expect(await reads(fleet, third.runId)).toEqual([]);
      await expectInvariants(fleet, ids);

      // Filled again with other ids: a vehicle is left out of its slice, and says so by itself.
      const stood = await fleet.pool.query('SELECT id, watermark FROM vehicles ORDER BY id');
      await fleet.legacy.query(
        `TRUNCATE ${TABLE}; INSERT INTO ${TABLE} (id, vehicle_id, device_time, latitude, longitude)
         SELECT 10 * (seq DIV 3) + 7 + seq % 3, 1 + seq % 6, TIMESTAMPADD(SECOND, seq, '2025-03-01'), 62, 129 FROM seq_1_to_1200;`,
      );
      const fourth = await fleet.start({ maxWorkers: 2 });
      expect(await fourth.result()).toMatchObject({ failed: 3 });
      // Of the others, whose ids had jumped, a window holds one or two rows: these tell nothing.
      const reset = (await vehicles(fleet, fourth.runId)).slice(3);
      const left = 'read by itself: other rows have the ids that it had';
      expect(reset).toEqual(reset.map((each) => ({ ...each, code: 'SourceReset', left_out: left, inserted: 0 })));
      expect(reset.map(({ watermark }) => watermark)).toEqual(stood.rows.slice(3).map(({ watermark }) => watermark));
    }),
  240_000,
);

test(
  'a vehicle with too many bad rows, or one whose watermark was set back, is left out, and the others are there',
  () =>
    withFleet({ settings: { ...TOGETHER, 'quarantine.min_rows': 5 } }, async (fleet) => {
      const ids = await fleet.addVehicles(5, { rows: 200, idStep: 10 });
      await fleet.legacy.query(`UPDATE ${TABLE} SET latitude = 99 WHERE vehicle_id = 2 AND id BETWEEN 500 AND 700;`);
      await fleet.startWorker();
      const run = await fleet.start({ maxWorkers: 2 });
      expect(await run.result()).toMatchObject({ completed: 4, failed: 1 });
      const found = await vehicles(fleet, run.runId);
      expect(found[1]).toMatchObject({ status: 'failed', together: false, code: 'QuarantineThresholdExceeded' });
      for (const other of found.filter(({ id }) => id !== '2')) {
        expect(other).toMatchObject({ status: 'completed', together: true, rows: 200 });
      }
      await expectInvariants(
        fleet,
        ids.filter((id) => id !== '2'),
      );

      // In the next run it is read by itself from the beginning, and one that begins anew finds its rows.
      await fleet.pool.query(`UPDATE vehicles SET watermark = 0 WHERE id = 3`);
      await fleet.legacy.query(`UPDATE ${TABLE} SET latitude = 62 WHERE vehicle_id = 2 AND latitude = 99;`);
      await fleet.addRows('1', 10);
      const again = await fleet.start({ maxWorkers: 2 });
      expect(await again.result()).toMatchObject({ completed: 3, failed: 0 });
      expect((await vehicles(fleet, again.runId))[1]).toMatchObject({ id: '2', together: false });
      await expectInvariants(fleet, ids);
    }),
  240_000,
);

/** One of the numbers from 0 up to `below`, the same for one seed. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What happens at a legacy table between two runs, as statements for it and for our vehicles. */
function history(random: (below: number) => number) {
  const free = new Set<number>();
  let highest = 0;
  let vehicles = 6;
  let bad: number | null = null;
  const row = (id: number, vehicle: number, latitude = '62.03') =>
    `(${id}, ${vehicle}, TIMESTAMPADD(SECOND, ${id}, '2025-01-01 00:00:00'), ${latitude}, 129.7, ${id % 90}, 'row ${id}')`;
  const newId = (): number => {
    const gap = random(3);
    for (let skipped = 1; skipped <= gap; skipped++) free.add(highest + skipped);
    return (highest += gap + 1);
  };
  const insert = (rows: string[]) =>
    `INSERT INTO ${TABLE} (id, vehicle_id, device_time, latitude, longitude, speed, note) VALUES ${rows.join()};`;
  // One row in three is of a vehicle that is not registered: of a later one, or of one that never will be.
  const anyone = (of: number) => (random(3) === 0 ? 1_000 + random(3) : 1 + random(of + 1));
  const news = (rows: number, of = vehicles) => Array.from({ length: rows }, () => row(newId(), anyone(of)));

  return {
    first: () => ({ legacy: insert(news(600)), ours: [] as string[], added: vehicles }),
    next() {
      const legacy: string[] = [];
      const ours: string[] = [];
      if (bad !== null) legacy.push(`UPDATE ${TABLE} SET latitude = 62 WHERE vehicle_id = ${bad} AND latitude = 99;`);
      // Committed late: below what was read already, within the overlap or deep below it.
      const late = [...free].filter(() => random(20) === 0).slice(-6);
      for (const id of late) free.delete(id);
      const added = random(2);
      vehicles += added;
      legacy.push(insert([...late.map((id) => row(id, 1 + random(vehicles))), ...news(20 + random(80))]));
      bad = random(3) === 0 ? null : 1 + random(vehicles);
      if (bad !== null) legacy.push(insert(Array.from({ length: 25 }, () => row(newId(), bad!, '99'))));
      if (random(2) === 0)
        ours.push(`UPDATE vehicles SET watermark = watermark / ${1 + random(3)} WHERE id = ${1 + random(vehicles)}`);
      return { legacy: legacy.join(''), ours, added };
    },
  };
}

/** Everything that a sync leaves of a vehicle, but when. */
async function target({ pool }: Fleet) {
  const { rows } = await pool.query(
    `SELECT vehicle.id::text, watermark::text, seen_from_id::text, seen_to_id::text, seen_rows::text, seen_id_sum::text,
            (SELECT count(*)::int FROM positions WHERE vehicle_id = vehicle.id) AS rows,
            (SELECT md5(string_agg(positions::text, '|' ORDER BY legacy_id, time)) FROM positions WHERE vehicle_id = vehicle.id) AS bytes,
            (SELECT string_agg(concat_ws(' ', legacy_id, reason, encode(raw, 'hex')), '|' ORDER BY legacy_id)
               FROM quarantine WHERE vehicle_id = vehicle.id) AS quarantine,
            (SELECT concat_ws(' ', status, failure_code) FROM vehicle_syncs AS sync WHERE sync.vehicle_id = vehicle.id
              ORDER BY planned_at DESC LIMIT 1) AS last
       FROM vehicles AS vehicle ORDER BY vehicle.id`,
  );
  return rows;
}

/** Each read passes the rows that nobody wants in another way than the one before it, whatever is cheapest. */
async function passUnwantedBy({ pool }: Fleet): Promise<void> {
  await pool.query(
    `CREATE FUNCTION take_turns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       NEW.unwanted := (ARRAY['filtered', 'unread', 'sent'])[1 + NEW.id % 3]; RETURN NEW;
     END $$;
     CREATE TRIGGER take_turns BEFORE INSERT ON table_reads FOR EACH ROW EXECUTE FUNCTION take_turns();`,
  );
}

const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);
test(
  `vehicle by vehicle or together, a table's fleet leaves the same target byte for byte (FC_SEED=${seed})`,
  () =>
    withFleet({ settings: { ...TOGETHER, 'quarantine.min_rows': 5 } }, (together) =>
      withFleet({ settings: { ...TOGETHER, 'quarantine.min_rows': 5, 'export.unit': 'vehicle' } }, async (apart) => {
        const { first, next } = history(randomNumbers(seed));
        await passUnwantedBy(together);
        await Promise.all([together.startWorker(), apart.startWorker()]);
        for (let round = 0; round < 4; round++) {
          const { legacy, ours, added } = round === 0 ? first() : next();
          for (const fleet of [together, apart]) {
            await fleet.addVehicles(added, { rows: 0 });
            await fleet.legacy.query(legacy);
            for (const change of ours) await fleet.pool.query(change);
          }
          await Promise.all(
            [together, apart].map(async (fleet) => (await fleet.start({ maxWorkers: 2 })).result().catch(() => {})),
          );
          expect({ round, vehicles: await target(together) }).toEqual({ round, vehicles: await target(apart) });
        }
        const { rows } = await together.pool.query(
          `SELECT (SELECT count(*)::int FROM table_slices) AS slices, (SELECT count(DISTINCT unwanted)::int FROM table_reads) AS ways`,
        );
        expect(rows[0].slices).toBeGreaterThanOrEqual(4);
        expect(rows[0].ways).toBeGreaterThanOrEqual(2);
        await expectInvariants(together, []);
      }),
    ),
  240_000,
);

test.concurrent.each([
  'export:started',
  'export:done',
  'transfer:done',
  'import:before-commit',
  'import:after-commit',
  'cleanup:half',
])(
  'kill -9 of the worker at %s of a slice: every row once, no file left, and the run ends by itself',
  (point) =>
    withFleet(
      { settings: { ...TOGETHER, 'transfer.stream_max_bytes': point === 'export:done' ? 1_048_576 : 0 } },
      async (fleet) => {
        const ids = await fleet.addVehicles(4, { rows: 300, idStep: 10, padding: 50 });
        // The second slice, so that one is there already.
        const killed = await fleet.startWorker({ fault: `${point}:2` });
        const run = await fleet.start({ maxWorkers: 2 });
        const ended = await Promise.race([killed.ended.then(() => 'killed'), run.result().then(() => 'done')]);
        if (point !== 'export:started') expect(ended).toBe('killed');
        await fleet.startWorker();
        expect(await run.result()).toMatchObject({ completed: 4, failed: 0, rows: 1_200 });
        await expectInvariants(fleet, ids);
      },
    ),
  240_000,
);
