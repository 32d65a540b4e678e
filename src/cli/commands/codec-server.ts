import { once } from 'node:events';
import { Command, InvalidArgumentError } from 'commander';
import { bearerToken } from '../../codec-server/bearer-token.ts';
import { createCodecServer } from '../../codec-server/codec-server.ts';
import { onParentGone } from '../../connections/parent-process.ts';
import { temporalAccess } from '../../connections/temporal-access.ts';
import { Failure } from '../../errors.ts';
import { createLogger } from '../../logger.ts';

interface Options {
  host: string;
  port: number;
  token: string;
  origin?: string;
  maxBodyBytes: number;
}

export const codecServerCommand = (): Command =>
  new Command('codec-server')
    .description(
      'shows encrypted payloads in the clear to the Web UI and to `temporal --codec-endpoint` (docs/by-hand.md)',
    )
    .requiredOption(
      '--token <reference>',
      'where the token lies that callers must send: file:/path or env:NAME',
      reference,
    )
    .option('--origin <url>', 'origin of the Temporal Web UI, the only pages that may ask', origin)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0: a free one', whole, 8081)
    .option('--max-body-bytes <number>', 'largest request', whole, 33_554_432)
    .action(runCodecServer);

async function runCodecServer({ host, port, token, origin: uiOrigin, maxBodyBytes }: Options): Promise<void> {
  const { keys, codec } = temporalAccess();
  if (keys.writing === null) {
    throw new Failure(
      'InvalidConfiguration',
      'Starting the codec server: FLEETGRAPH_PAYLOAD_KEYS names no key. Set it as for the workers.',
    );
  }
  await keys.check();
  const authorize = await bearerToken(token);
  const logger = createLogger('fleetgraph-codec', 'info');
  const server = createCodecServer({ codec, authorize, origin: uiOrigin ?? null, maxBodyBytes, logger });
  server.listen(port, host);
  await once(server, 'listening');
  logger.info(server.address(), 'the codec server listens');
  const stop = (): void => {
    server.close();
    server.closeIdleConnections();
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  onParentGone(stop);
  await once(server, 'close');
}

function whole(text: string): number {
  if (!/^[0-9]{1,10}$/.test(text)) throw new InvalidArgumentError('it must be a whole number');
  return Number(text);
}

function reference(text: string): string {
  if (!/^(file:\/.+|env:[A-Za-z_][A-Za-z0-9_]*)$/.test(text))
    throw new InvalidArgumentError('it must be file:/path or env:NAME');
  return text;
}

function origin(text: string): string {
  if (!URL.canParse(text) || new URL(text).origin !== text)
    throw new InvalidArgumentError('it must be like https://temporal.example.org');
  return text;
}
