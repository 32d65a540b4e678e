import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Command } from 'commander';
import { findTemporal } from '../../stack/temporal-binary.ts';
import { usePrivateStack } from '../session.ts';

export const temporalCommand = (): Command =>
  new Command('temporal')
    .description(
      "Temporal's own command, which is fetched where it is not on the PATH, on the server that the commands here use",
    )
    .usage('<what temporal is to do>')
    .argument('[words...]')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(temporal);

async function temporal(words: string[]): Promise<void> {
  usePrivateStack();
  const binary = await findTemporal((line) => console.error(line));
  const child = spawn(binary, words, { stdio: 'inherit' });
  // Ctrl-C reaches the child, which decides what to do.
  process.on('SIGINT', () => {});
  const [status] = (await once(child, 'exit')) as [number | null];
  process.exitCode = status ?? 1;
}
