import { removeStackEnv, stackEnvFile, writeStackEnv } from './stack-env.ts';
import { type Stack, stackStateDir, startStack } from './stack.ts';
import { untilSignalled } from './until-signalled.ts';

function addressTable(stack: Stack, envFile: string): string {
  const { postgres, mariadb, ssh, redis, temporal } = stack;
  const rows = [
    ['PostgreSQL', `psql ${postgres.url('fleetgraph')}`],
    ['MariaDB (legacy)', `mariadb -h ${mariadb.host} -P ${mariadb.port} -u ${mariadb.user}`],
    ['SSH (legacy)', `ssh -i ${ssh.privateKeyFile} -p ${ssh.port} ${ssh.user}@${ssh.host}`],
    ['', `host key ${ssh.hostKeyFingerprint}`],
    ['Redis', `redis-cli -h ${redis.host} -p ${redis.port}`],
    ['Temporal', temporal.address],
    ['Temporal Web UI', temporal.uiUrl || '(see your own server)'],
    ['State folder', stack.stateDir],
    ['Environment', envFile],
  ];
  return rows.map(([name, address]) => `  ${name?.padEnd(18)}${address}`).join('\n');
}

async function main(): Promise<void> {
  const stateDir = stackStateDir('dev');
  const startedAt = performance.now();
  // Until the stack is up no order of stopping matters: the servers end with this process.
  const abort = () => process.exit(130);
  process.once('SIGINT', abort).once('SIGTERM', abort);
  const stack = await startStack({ stateDir, durable: true, from: 'auto', onProgress: (line) => console.log(line) });
  const signalled = untilSignalled();
  process.off('SIGINT', abort).off('SIGTERM', abort);
  const envFile = stackEnvFile(stateDir);
  try {
    await writeStackEnv(stack);
    console.log(`The private servers are up after ${((performance.now() - startedAt) / 1000).toFixed(1)} s:\n`);
    console.log(`${addressTable(stack, envFile)}\n`);
    console.log(`Use them:  set -a; . ${envFile}; set +a`);
    console.log('Ctrl-C stops them; the data stays for the next start.');
    const signal = await signalled;
    console.log(`${signal}: stopping the servers`);
  } finally {
    removeStackEnv(stateDir);
    await stack.stop();
  }
}

try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
