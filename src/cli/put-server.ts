import {
  insertLegacyServer,
  listLegacyServers,
  parseLegacyServer,
  updateLegacyServer,
} from '../records/legacy-servers.ts';
import { withSession } from './session.ts';

/** Adds a legacy server, or replaces the one of its id. Errors: InvalidConfiguration. */
export async function putServer(input: unknown): Promise<void> {
  const server = parseLegacyServer(input);
  await withSession(async ({ postgres }) => {
    const known = (await listLegacyServers(postgres)).includes(server.id);
    await (known ? updateLegacyServer(postgres, server) : insertLegacyServer(postgres, server));
  });
  console.log(`legacy server ${server.id}: ${server.user}@${server.host}:${server.port}, database ${server.database}`);
}
