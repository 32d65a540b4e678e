import type { z } from 'zod';
import { ALERT_SETTINGS } from './alert-channels.ts';
import { BACKUP_SETTINGS } from './transport-graph/backup.ts';
import { GRAPH_BUILDER_SETTINGS } from './transport-graph/graph-builder.ts';
import { ODATA_SETTINGS } from './transport-graph/odata.ts';
import { STAGE_RETRY_SETTINGS } from './transport-graph/stage-retry.ts';
import { SCHEDULE_SETTINGS } from './transport-graph/schedule.ts';
import { VIRTUAL_ENTITY_SETTINGS } from './transport-graph/virtual-entities.ts';

/** Everything the transport-graph pipeline can be tuned with: a file per subject, and one list here. docs/settings.md is generated from this. */
export const TRANSPORT_GRAPH_SETTINGS = {
  ...ODATA_SETTINGS,
  ...SCHEDULE_SETTINGS,
  ...STAGE_RETRY_SETTINGS,
  ...VIRTUAL_ENTITY_SETTINGS,
  ...GRAPH_BUILDER_SETTINGS,
  ...BACKUP_SETTINGS,
  ...ALERT_SETTINGS,
} as const;

export type TransportGraphSettings = {
  [K in keyof typeof TRANSPORT_GRAPH_SETTINGS]: z.infer<(typeof TRANSPORT_GRAPH_SETTINGS)[K]['schema']>;
};
