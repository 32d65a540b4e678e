import { Inject, Injectable } from '@nestjs/common';
import { inTransaction } from '../../connections/postgres.ts';
import { readLegacyServer } from '../../settings/legacy-servers.ts';
import { type VehicleInput, insertVehicle, updateVehicle } from '../../settings/vehicles.ts';
import type { SyncMode } from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../auth/actor.ts';
import type { Answer } from '../core/answer.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { numberCursor, pageOf } from '../core/pages.ts';
import { Problem, notFound } from '../core/problem.ts';
import { refusingDuplicates } from './refusing-duplicates.ts';
import { RunsService, runLink } from './runs.service.ts';

const LIST = '/api/v1/legacy-sync/vehicles';

interface VehicleFilter {
  limit: number;
  after?: string | undefined;
  serverId?: string | undefined;
  search?: string | undefined;
  failed?: 'true' | 'false' | undefined;
}

const SELECT = `
  SELECT v.id::text, v.label, v.server_id AS "serverId", v.legacy_table AS "table", v.legacy_vehicle_id AS "legacyVehicleId", v.priority,
         v.enabled, v.watermark::text, v.last_synced_at AS "lastSyncedAt",
         (SELECT count(*)::int FROM quarantine q WHERE q.vehicle_id = v.id) AS quarantined,
         CASE WHEN last.run_id IS NULL THEN NULL ELSE jsonb_build_object(
           'runId', last.run_id, 'status', last.status, 'rows', last.rows,
           'at', to_char(coalesce(last.settled_at, last.claimed_at, last.planned_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'error', CASE WHEN last.failure_code IS NULL THEN NULL
                         ELSE jsonb_build_object('code', last.failure_code, 'message', coalesce(last.failure_message, '')) END) END AS "lastRun"
    FROM vehicles v
    LEFT JOIN LATERAL (SELECT * FROM vehicle_syncs s WHERE s.vehicle_id = v.id ORDER BY s.planned_at DESC LIMIT 1) last ON true`;

/** The vehicles there are, and how their last sync went. */
@Injectable()
export class VehiclesService {
  readonly #database: Database;
  readonly #runs: RunsService;
  readonly #audit: Audit;

  constructor(
    @Inject(Database) database: Database,
    @Inject(RunsService) runs: RunsService,
    @Inject(Audit) audit: Audit,
  ) {
    this.#database = database;
    this.#runs = runs;
    this.#audit = audit;
  }

  async list({ limit, after, serverId, search, failed }: VehicleFilter): Promise<object> {
    const rows = await this.#database.rows<{ id: string }>(
      `${SELECT} WHERE ($2::bigint IS NULL OR v.id > $2) AND ($3::text IS NULL OR v.server_id = $3)
          AND ($4::text IS NULL OR strpos(lower(v.label), lower($4)) > 0)
          AND ($5::boolean IS NULL OR (last.status IS NOT DISTINCT FROM 'failed') = $5) ORDER BY v.id LIMIT $1`,
      [limit + 1, numberCursor(after), serverId ?? null, search ?? null, failed ?? null],
    );
    return pageOf('vehicles', rows, limit, ({ id }) => id);
  }

  async read(id: string): Promise<{ success: true; vehicle: { enabled: boolean } }> {
    const [vehicle] = await this.#database.rows<{ enabled: boolean }>(`${SELECT} WHERE v.id = $1`, [id]);
    if (vehicle === undefined) throw notFound(`vehicle ${id}`, LIST);
    return { success: true, vehicle };
  }

  async create(input: VehicleInput, actor: Actor, reason?: string): Promise<object> {
    await this.#write('vehicle.created', input, actor, reason, insertVehicle);
    return this.read(input.id);
  }

  async change(input: VehicleInput, actor: Actor, reason?: string): Promise<object> {
    await this.#write('vehicle.changed', input, actor, reason, updateVehicle);
    return this.read(input.id);
  }

  async sync(id: string, mode: SyncMode, actor: Actor, reason?: string): Promise<Answer> {
    const { vehicle } = await this.read(id);
    if (!vehicle.enabled)
      throw new Problem('WrongState', `Syncing vehicle ${id}: it is disabled.`, { link: `${LIST}/${id}` });
    await this.#refuseWhileSyncing(id);
    return this.#runs.start({ selection: { kind: 'list', vehicleIds: [id] }, mode }, actor, reason);
  }

  async #refuseWhileSyncing(id: string): Promise<void> {
    const [busy] = await this.#database.rows<{ runId: string }>(
      `SELECT run_id AS "runId" FROM vehicle_syncs WHERE vehicle_id = $1 AND state = 'claimed'`,
      [id],
    );
    if (busy === undefined) return;
    throw new Problem('AlreadyRunning', `Vehicle ${id} is being synced already.`, { link: runLink(busy.runId) });
  }

  async #write(
    action: string,
    input: VehicleInput,
    actor: Actor,
    reason: string | undefined,
    write: typeof insertVehicle,
  ): Promise<void> {
    const servers = await this.#database.rows('SELECT 1 FROM legacy_servers WHERE id = $1', [input.serverId]);
    if (servers.length === 0) throw notFound(`legacy server ${input.serverId}`, '/api/v1/legacy-sync/servers');
    await this.#audit.record({ actor, action, subject: `vehicle ${input.id}`, reason, details: { input } });
    await refusingDuplicates(`Vehicle ${input.id}`, () =>
      this.#database.write((pool) =>
        inTransaction(pool, async (client) => write(client, input, await readLegacyServer(client, input.serverId))),
      ),
    );
  }
}
