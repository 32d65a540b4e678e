/**
 * Twins of faults: the product as it would be without the guard that the fault meets. `npm run fault-twins` runs the fault's test
 * against each, and it must go red; otherwise the test does not see what it says.
 */
export interface Twin {
  /** The fault, as docs/faults.md names it. */
  fault: string;
  /** Where the guard is. */
  file: string;
  /** The guard, which stands there once, and what takes its place. */
  guard: string;
  without: string;
}

const LEGACY = 'src/activities/legacy-sync';
const GRAPH = 'src/activities/transport-graph';

export const TWINS: readonly Twin[] = [
  {
    fault: 'SIGSTOP for longer than a permit’s lease',
    file: 'src/pool/permits.ts',
    guard: '        permit?.lost();\n',
    without: '',
  },
  {
    fault: 'killed while it holds places at a legacy server',
    file: 'src/pool/permit-rows.ts',
    guard: 'if (mayEvict && (await evict',
    without: 'if (false && mayEvict && (await evict',
  },
  {
    fault: 'restarted while permits are held',
    file: 'src/pool/permits.ts',
    guard: 'performance.now() - connectedSince >= leaseMs',
    without: 'connectedSince > 0',
  },
  {
    fault: 'an attempt ends while its vehicle is worked on elsewhere',
    file: `${LEGACY}/vehicle/outlived-files.ts`,
    guard: 'if (await isStillClaimed(pool, key)) continue;',
    without: 'continue;',
  },
  {
    fault: 'ends the connection in the middle of a COPY',
    file: `${LEGACY}/load/import-failure.ts`,
    guard: 'if (isDatabaseUnavailable(error) || ',
    without: 'if (',
  },
  {
    fault: 'the answer to COMMIT is lost with the connection',
    file: `${LEGACY}/load/range-transaction.ts`,
    guard: "if (outcome === 'committing') return await askLedger",
    without: "if (outcome === 'committed') return await askLedger",
  },
  {
    fault: 'the answer to COMMIT is lost in silence',
    file: `${LEGACY}/load/range-transaction.ts`,
    guard: "await within(timeoutMs, client.query('COMMIT'))",
    without: "await within(timeoutMs * 1_000, client.query('COMMIT'))",
  },
  {
    fault: 'it never saw the COMMIT',
    file: `${LEGACY}/load/range-transaction.ts`,
    guard: 'if (recorded === null) throw error;\n    return recorded;',
    without: 'return recorded ?? { ranges: 1, rows: 0, inserted: 0, duplicates: 0, quarantined: 0, bytes: 0 };',
  },
  {
    fault: 'refuses a row',
    file: `${LEGACY}/load/import-failure.ts`,
    guard: '${placeOf(error)}. Its log',
    without: '${placeOf(error)}: ${JSON.stringify(error)}. Its log',
  },
  {
    fault: 'damage that looks like a renamed column',
    file: `${LEGACY}/load/import-range.ts`,
    guard: '      await assertIntact(input.dump, manifest, { signal, buffers });\n',
    without: '',
  },
  {
    fault: 'another file than the manifest’s',
    file: `${LEGACY}/load/read-dump.ts`,
    guard: 'if (found === expected) return;',
    without: "if (found !== '') return;",
  },
  {
    fault: 'its disk is nearly full',
    file: `${LEGACY}/legacy-host/export-script.ts`,
    guard: '[ "$have" -ge ',
    without: '[ 0 = 0 ] || [ "$have" -ge ',
  },
  {
    fault: 'the compressor fails',
    file: `${LEGACY}/legacy-host/export-script.ts`,
    guard: 'if [ "$d$t$c" != 000 ]',
    without: 'if [ "$d" != 0 ]',
  },
  {
    fault: 'MySQL kills a dump',
    file: `${LEGACY}/legacy-host/export-script.ts`,
    guard: 'if [ "$d$t$c" != 000 ]',
    without: 'if [ "$c" != 0 ]',
  },
  {
    fault: 'rows come while it is dumped',
    file: `${LEGACY}/legacy-host/export-script.ts`,
    guard: '[ "$answer" = "$rows" ] && break',
    without: 'break',
  },
  {
    fault: 'the link is slower than the limit',
    file: `${LEGACY}/transfer/stall-guard.ts`,
    guard: 'if (gained * 1000 >= stallBytesPerSecond * stallMs) return;',
    without: 'if (gained >= 0) return;',
  },
  {
    fault: 'the worker’s disk is full',
    file: `${LEGACY}/transfer/transfer.ts`,
    guard: "if (named instanceof Failure && named.code === 'LocalDiskFull') await rm",
    without: "if (named instanceof Failure && named.code === 'Lost') await rm",
  },
  {
    fault: 'does not answer the janitor',
    file: `${LEGACY}/fleet/settle-lost-claims.ts`,
    guard: "if ((await isAlive(workflowId, runId)) === 'running') continue;",
    without: "if ((await isAlive(workflowId, runId).catch(() => 'gone')) === 'running') continue;",
  },
  {
    fault: 'has a rollout no more that its row has',
    file: `${LEGACY}/rollout/settle-lost-rollouts.ts`,
    guard: "if ((await isAlive(workflowId, rolloutId)) === 'running') continue;",
    without: '',
  },
  {
    fault: '`setMaxWorkers` 1000 for four vehicles',
    file: 'src/records/open-work.ts',
    guard: 'Math.min(',
    without: 'Math.max(',
  },
  {
    fault: 'a statement in a transaction failed unseen',
    file: 'src/connections/postgres.ts',
    guard: "if (committed.command !== 'COMMIT')",
    without: "if (committed.command === '')",
  },
  {
    fault: 'the answer of the switch is lost',
    file: 'src/graph-store/graph-store.ts',
    guard: "error.code !== 'RedisUnavailable' || Date.now() >= deadline",
    without: "error.code !== 'RedisUnavailable' || deadline > 0",
  },
  {
    fault: 'gone at the switch',
    file: `${GRAPH}/graph-builder/activate-graph.ts`,
    guard: 'if (switching) await leaveToReconciling(context, graph);',
    without: 'if (switching) await discard(context, graph, error);',
  },
  {
    fault: 'no memory left',
    file: `${GRAPH}/graph-builder/activate-graph.ts`,
    guard: 'else await discard(context, graph, error);\n    throw',
    without: '\n    throw',
  },
  {
    fault: 'breaks, cuts or delays an answer',
    file: 'src/connections/odata/odata-request.ts',
    guard: 'if (!(error instanceof Transient)) throw error;',
    without: 'throw error;',
  },
];
