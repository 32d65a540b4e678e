import { count, milliseconds, setting } from './setting-kinds.ts';

/** When the circuit of a legacy server opens, and for how long. */
export const CIRCUIT_SETTINGS = {
  circuitFailures: setting(
    'server.breaker_failures',
    count,
    5,
    'Infrastructure failures in a row that open the circuit of a legacy server.',
  ),
  circuitOpenMs: setting(
    'server.breaker_open_ms',
    milliseconds,
    30_000,
    'First pause of an open circuit; doubles with each failed probe.',
  ),
  circuitOpenMaxMs: setting('server.breaker_open_max_ms', milliseconds, 600_000, 'Longest pause of an open circuit.'),
} as const;
