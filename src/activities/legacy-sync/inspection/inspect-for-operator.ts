import type { Logger } from 'pino';
import { z } from 'zod';
import { offeredHostKey } from '../../../connections/ssh/offered-host-key.ts';
import { Failure } from '../../../errors.ts';
import { serverAddressSchema } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { OperatorActivities } from '../../../workflows/legacy-sync/activities.ts';
import type { InspectionInput, InspectionResult } from '../../../workflows/legacy-sync/inspection.ts';
import { toFailure } from '../../activity-failures.ts';
import { withOwnHosts } from '../legacy-host/hosts-of-one-task.ts';
import { inspectServer } from './inspect-server.ts';
import type { FoundTables, Inspection } from './inspection.ts';

interface Dependencies {
  settings: () => LegacySyncSettings;
  logger: Logger;
  cancellationSignal: () => AbortSignal;
}

/** The answer lies in a workflow's history, whose size Temporal bounds: so many groups, texts of a row and sentences of each list. */
const MOST_FOUND = 100;
const LONGEST_TEXT = 200;
const MOST_SENTENCES = 50;

const unnamedKey = serverAddressSchema.omit({ hostKeyFingerprints: true });

/** The activity: how far it came and what stopped it is its answer, because an operator who has only a login asks just that. */
export function createInspectServer(deps: Dependencies): OperatorActivities['inspectServer'] {
  return async (input) => {
    const steps: string[] = [];
    const answer = (part: Partial<InspectionResult> & Pick<InspectionResult, 'outcome'>): InspectionResult => ({
      steps,
      hostKey: null,
      failure: null,
      found: [],
      more: 0,
      proposal: null,
      ...part,
    });
    try {
      if (input.server['hostKeyFingerprints'] === undefined) {
        const hostKey = await hostKeyOf(input);
        return answer({ outcome: 'compare-host-key', hostKey });
      }
      const inspection = await inspect(deps, input, (step) => steps.push(step));
      return answer({ outcome: 'inspected', ...bounded(inspection) });
    } catch (error) {
      const { code, message } = toFailure(error);
      return answer({ outcome: 'failed', failure: { code, message } });
    }
  };
}

async function hostKeyOf({ server }: InspectionInput): Promise<string> {
  const { host, port, limits } = parse(unnamedKey, server);
  return offeredHostKey({ host, port, legacyAlgorithms: limits.legacyAlgorithms });
}

async function inspect(
  { settings, logger, cancellationSignal }: Dependencies,
  { server, ...what }: InspectionInput,
  say: (step: string) => void,
): Promise<Inspection> {
  const request = { ...what, server: parse(serverAddressSchema, server) };
  const signal = cancellationSignal();
  return withOwnHosts({ settings: settings(), logger, signal }, (hosts) => inspectServer(hosts, request, say));
}

function parse<T>(schema: z.ZodType<T>, server: unknown): T {
  const parsed = schema.safeParse(server);
  if (parsed.success) return parsed.data;
  throw new Failure('InvalidConfiguration', `Inspecting a legacy server:\n${z.prettifyError(parsed.error)}`);
}

function bounded({ found, proposal }: Inspection): Pick<InspectionResult, 'found' | 'more' | 'proposal'> {
  const some = (sentences: string[]): string[] => sentences.slice(0, MOST_SENTENCES);
  const boundedTables = (each: FoundTables) => ({ ...each, columns: some(each.columns), indexes: some(each.indexes) });
  const shown = {
    found: found.slice(0, MOST_FOUND).map(boundedTables),
    more: Math.max(0, found.length - MOST_FOUND),
  };
  if (proposal === null) return { ...shown, proposal };
  const { server, rows, told, unsure, hurts } = proposal;
  const tables = boundedTables(proposal.tables);
  const lists = { told: some(told), unsure: some(unsure), hurts: some(hurts) };
  return {
    ...shown,
    proposal: { tables, server: server && { ...server }, rows: rows.map(shortened), ...lists },
  };
}

/** A text of a row may be a document. */
const shortened = (row: Record<string, unknown>): Record<string, unknown> =>
  JSON.parse(
    JSON.stringify(row, (_name, value: unknown) =>
      typeof value === 'string' && value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…` : value,
    ),
  ) as Record<string, unknown>;
