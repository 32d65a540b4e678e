import { testServer } from '../activities/legacy-sync/vehicle/test-server.ts';
import { readSettings } from '../records/settings.ts';
import { withLegacyHosts } from './legacy-hosts-here.ts';
import type { Session } from './session.ts';

/** Tests a legacy server from this process. */
export async function testServerFromHere({ postgres }: Session, id: string): Promise<void> {
  const settings = await readSettings(postgres);
  const cancellationSignal = (): AbortSignal => new AbortController().signal;
  await withLegacyHosts(settings, (legacyHosts) =>
    testServer({ pool: postgres, legacyHosts, settings: () => settings, cancellationSignal }, id, (step) =>
      console.log(step),
    ),
  );
}
