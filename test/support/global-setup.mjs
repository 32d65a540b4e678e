/** Starts one private stack for the whole run, if a selected test needs servers. Tests that kill servers start a stack of their own. */
export default async function setUp() {
  if (process.env.FLEETGRAPH_TEST_SERVERS === 'none') return;
  // Imported here, because a run without servers needs no build.
  const { startStack, stackStateDir } = await import('../../dist/stack/stack.js');
  const stack = await startStack({
    stateDir: stackStateDir('test'),
    from: 'binaries',
    // Tests never touch the server that a user's TEMPORAL_ADDRESS names.
    ownTemporal: true,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  globalThis.fleetgraphTestStack = stack;
  const { stateDir, postgres, mariadb, ssh, redis, temporal } = stack;
  process.env.FLEETGRAPH_TEST_STACK = JSON.stringify({ stateDir, postgres, mariadb, ssh, redis, temporal });
}
