import { workOf } from './open-work.ts';

/** How much longer a run takes: as long with one half of certainty, and with nine tenths. */
export interface RunEta {
  p50Ms: number;
  p90Ms: number;
}

/** A forecast as `selectForecast` reads it, with what is left of the work. */
export interface ForecastLeft {
  p50Ms: number;
  p90Ms: number;
  elapsedMs: number;
  workMs: number;
  leftMs: number;
}

/** The forecast says how fast a run should go; what it did until now counts more, the further it has come. */
const FORECAST_WEIGHT = 0.5;

/**
 * Time left = work left × time per work, where the latter is what the run has shown, with half a run as forecast before it. docs/operations.md tells this
 * formula.
 */
export function etaOf({ p50Ms, p90Ms, elapsedMs, workMs, leftMs }: ForecastLeft): RunEta {
  const left = workMs > 0 ? Math.min(1, Math.max(0, leftMs / workMs)) : 0;
  const pace = (Math.max(0, elapsedMs) + FORECAST_WEIGHT * p50Ms) / (1 - left + FORECAST_WEIGHT);
  const likely = left * pace;
  return { p50Ms: Math.round(likely), p90Ms: Math.round(p50Ms > 0 ? likely * (p90Ms / p50Ms) : likely) };
}

/**
 * The forecast of a running run `run` as ForecastLeft; null: none, or none that may be told. What an item still takes is its server's fixed part until it
 * has ended, and its rows that have not come.
 */
export const selectForecast = (run: string): string => `(
  SELECT jsonb_build_object('p50Ms', p50_ms, 'p90Ms', p90_ms, 'workMs', work_ms, 'leftMs', coalesce(open.ms, 0),
                            'elapsedMs', extract(epoch FROM clock_timestamp() - made_at) * 1000)
    FROM run_forecasts AS forecast,
         LATERAL (SELECT sum((cost ->> 'fixedMs')::float8 + (cost ->> 'perRowMs')::float8 * greatest(0, planned_rows - rows)) AS ms
                    FROM (${workOf('forecast.run_id', 'planned', 'claimed')}) AS work,
                         LATERAL (SELECT forecast.costs -> server_id -> unit AS cost) AS known) AS open
   WHERE forecast.run_id = ${run}.run_id AND ${run}.state = 'running' AND NOT ${run}.paused AND known)`;
