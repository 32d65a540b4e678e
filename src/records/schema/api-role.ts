import type pg from 'pg';

/** The role under which the API's connections work, whatever role they log in as. */
export const API_ROLE = 'fleetgraph_api';

/**
 * The rights of the API's role. It may read what the API answers from, and write what operators decide. Only workers write positions, the
 * network, graphs, claims and the ledger. Only an import moves a vehicle's watermark.
 */
const GRANTS = `
  GRANT SELECT ON
    system_settings, audit_log, api_keys, legacy_servers, legacy_server_state, limit_changes, server_checks, line_speeds, vehicles, sync_runs, vehicle_syncs, table_reads, table_slices, import_ledger, quarantine, run_kpis, run_forecasts, server_permits,
    positions, reconciliations, reconciled_vehicles, reconciled_days, extra_positions, rollouts, rollout_steps,
    datasets, stops, routes, virtual_stops, virtual_routes, flights, graphs, pipeline_stages, stage_runs, stage_completions, alerts, incidents,
    schema_migrations TO ${API_ROLE};
  GRANT INSERT ON audit_log TO ${API_ROLE};
  GRANT INSERT, UPDATE ON system_settings, legacy_servers TO ${API_ROLE};
  -- The trigger of a new server inserts this row.
  GRANT INSERT ON legacy_server_state TO ${API_ROLE};
  -- An operator closes a circuit, even while Temporal is away.
  GRANT UPDATE (breaker, updated_at) ON legacy_server_state TO ${API_ROLE};
  GRANT INSERT (id, label, server_id, legacy_table, legacy_vehicle_id, priority, enabled, part_of),
        UPDATE (label, server_id, legacy_table, legacy_vehicle_id, priority, enabled, part_of) ON vehicles TO ${API_ROLE};
  GRANT UPDATE (state, decided_by, decision_reason, decided_at) ON datasets TO ${API_ROLE};`;

/** Roles belong to the whole cluster, so another database's migration may be creating the role at this moment. */
const MAKE_ROLE = `DO $$ BEGIN
  IF to_regrole('${API_ROLE}') IS NULL THEN
    CREATE ROLE ${API_ROLE} NOLOGIN;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$`;

/** Since PostgreSQL 16, a member of a role may lack the right to SET ROLE. */
const MAY_BECOME = `pg_has_role(current_user, '${API_ROLE}', CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)`;

const BECOME = `DO $$ BEGIN
  IF NOT ${MAY_BECOME} THEN
    EXECUTE format('GRANT ${API_ROLE} TO %I', current_user);
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN NULL;
END $$`;

/** Creates the API's role where that is allowed, and grants its rights on all tables. Otherwise it says what an administrator has to do. */
export async function ensureApiRole(client: pg.ClientBase, say: (line: string) => void): Promise<void> {
  await client.query('BEGIN');
  try {
    // The lock keeps migrators apart: two that grant the same rights at once would fail on the same catalogue row.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph api role', 0))`);
    await client.query(MAKE_ROLE);
    const { rows } = await client.query<{ exists: boolean }>(`SELECT to_regrole('${API_ROLE}') IS NOT NULL AS exists`);
    if (rows[0]?.exists) {
      await client.query(GRANTS);
      await client.query(BECOME);
      const { rows: become } = await client.query<{ may: boolean }>(`SELECT ${MAY_BECOME} AS may`);
      if (!become[0]?.may) {
        say(
          `this login may not work as ${API_ROLE}: give the API a login of its own (FLEETGRAPH_API_POSTGRES_URL) that is a member, ` +
            `or, as an administrator: GRANT ${API_ROLE} TO <this login>.`,
        );
      }
    } else {
      say(
        `the API cannot work yet: the role ${API_ROLE} is missing and may not be created by this login. ` +
          `As an administrator: CREATE ROLE ${API_ROLE} NOLOGIN; GRANT ${API_ROLE} TO <this login>; then migrate again.`,
      );
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
