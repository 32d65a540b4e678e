import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../config.ts';
import { createLogger } from '../logger.ts';
import { createApp } from './create-app.ts';
import { OpenApi } from './docs/open-api.ts';

/** Writes the description into the repository, for `npm run openapi`. It needs no servers. */
const app = await createApp(
  loadConfig({ FLEETGRAPH_POSTGRES_URL: 'postgres://unused', FLEETGRAPH_REDIS_URL: 'redis://127.0.0.1:1' }),
  createLogger('fleetgraph-api', 'silent'),
);
const file = fileURLToPath(new URL('../../openapi.json', import.meta.url));
await writeFile(file, `${JSON.stringify(app.get(OpenApi).document, null, 2)}\n`);
await app.close();
