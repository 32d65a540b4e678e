import { Inject, Injectable } from '@nestjs/common';
import { inTransaction } from '../../connections/postgres.ts';
import { isLegacyServer, readLegacyServer } from '../../records/legacy-servers.ts';
import { runHolding } from '../../records/vehicle-claims.ts';
import { type VehicleOverview, findVehicleOverview, listVehicleOverviews } from '../../records/vehicle-overview.ts';
import { readLastCompared, readTrack } from '../../records/vehicle-history.ts';
import { latestSyncsOf } from '../../records/vehicle-syncs.ts';
import { type VehicleInput, insertVehicle, readParts, updateVehicle } from '../../records/vehicles.ts';
import type { SyncMode } from '../../workflows/legacy-sync/messages.ts';
import type { Actor } from '../core/actor.ts';
import type { Answer } from '../core/answer.ts';
import type { AuditAction } from '../../records/audit-log.ts';
import { Audit } from '../core/audit.ts';
import { Database } from '../core/database.ts';
import { numberCursor, pageOf } from '../core/pages.ts';
import { Problem, notFound } from '../core/problem.ts';
import { refusingDuplicates } from '../core/refusing-duplicates.ts';
import { RunsService, runLink, workflowOf } from '../runs/runs.service.ts';

const LIST = '/api/v1/legacy-sync/vehicles';
const SYNCS = 20;
const TRACK = 500;
const DIFFERING_DAYS = 31;

interface VehicleFilter {
  limit: number;
  after?: string | undefined;
  serverId?: string | undefined;
  search?: string | undefined;
  failed?: 'true' | 'false' | undefined;
}

/** Manages the vehicles and shows how their last sync went. */
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
    const page = { limit: limit + 1, after: numberCursor(after) };
    const which = { serverId, search, failed: failed === undefined ? undefined : failed === 'true' };
    const rows = await listVehicleOverviews(this.#database.reader, { ...page, ...which });
    return pageOf('vehicles', rows.map(shown), limit, ({ id }) => id);
  }

  async read(id: string) {
    const vehicle = await findVehicleOverview(this.#database.reader, id);
    if (vehicle === null) throw notFound(`vehicle ${id}`, LIST);
    return { success: true, vehicle: shown(vehicle) };
  }

  async syncs(id: string): Promise<object> {
    const found = await latestSyncsOf(this.#database.reader, await this.#withParts(id), SYNCS);
    const syncs = found.map((sync) => ({ ...sync, workflowId: workflowOf(sync) }));
    return { success: true, syncs, count: syncs.length };
  }

  async track(id: string): Promise<object> {
    const positions = await readTrack(this.#database.reader, await this.#withParts(id), TRACK);
    return { success: true, positions, count: positions.length };
  }

  async differences(id: string): Promise<object> {
    const found = await readLastCompared(this.#database.reader, await this.#withParts(id), DIFFERING_DAYS + 1);
    const compared = found.map(({ days, ...each }) => ({
      ...each,
      days: days.slice(0, DIFFERING_DAYS),
      more: days.length > DIFFERING_DAYS,
    }));
    return { success: true, compared };
  }

  /** A vehicle and what lies of it in other tables. */
  async #withParts(id: string): Promise<string[]> {
    await this.read(id);
    return [id, ...(await readParts(this.#database.reader, [id])).map((part) => part.id)];
  }

  async create(input: VehicleInput, actor: Actor, reason?: string): Promise<object> {
    await this.#write('vehicle.created', input, actor, reason, insertVehicle);
    return this.read(input.id);
  }

  async change(input: VehicleInput, actor: Actor, reason?: string): Promise<object> {
    await this.#write('vehicle.changed', input, actor, reason, updateVehicle);
    return this.read(input.id);
  }

  async sync({ id, mode }: { id: string; mode: SyncMode }, actor: Actor, reason?: string): Promise<Answer> {
    const { vehicle } = await this.read(id);
    if (!vehicle.enabled)
      throw new Problem('WrongState', `Syncing vehicle ${id}: it is disabled.`, { link: `${LIST}/${id}` });
    await this.#refuseWhileSyncing(id);
    return this.#runs.start({ selection: { kind: 'list', vehicleIds: [id] }, mode }, actor, reason);
  }

  async #refuseWhileSyncing(id: string): Promise<void> {
    const runId = await runHolding(this.#database.reader, id);
    if (runId === null) return;
    throw new Problem('AlreadyRunning', `Vehicle ${id} is being synced already.`, { link: runLink(runId) });
  }

  async #write(
    action: AuditAction,
    input: VehicleInput,
    actor: Actor,
    reason: string | undefined,
    write: typeof insertVehicle,
  ): Promise<void> {
    if (!(await isLegacyServer(this.#database.reader, input.serverId)))
      throw notFound(`legacy server ${input.serverId}`, '/api/v1/legacy-sync/servers');
    await this.#audit.record({ actor, action, subject: `vehicle ${input.id}`, reason, details: { input } });
    await refusingDuplicates(`Vehicle ${input.id}`, () =>
      this.#database.write((pool) =>
        inTransaction(pool, async (client) => write(client, input, await readLegacyServer(client, input.serverId))),
      ),
    );
  }
}

/** Adds the workflow id, under which Temporal shows the vehicle's last sync. */
const shown = ({ lastRun, ...vehicle }: VehicleOverview) => ({
  ...vehicle,
  lastRun: lastRun === null ? null : { ...lastRun, workflowId: workflowOf({ vehicleId: vehicle.id, ...lastRun }) },
});
