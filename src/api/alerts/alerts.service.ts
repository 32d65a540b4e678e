import { Inject, Injectable } from '@nestjs/common';
import { openAlerts } from '../../records/open-alerts.ts';
import { Database } from '../core/database.ts';
import { RecentReads } from '../core/recent-reads.ts';

/** How long an answer serves all open dashboards, each of which asks. */
const RECENT_MS = 1_000;

@Injectable()
export class AlertsService {
  readonly #database: Database;
  readonly #recent = new RecentReads({ recentMs: RECENT_MS });

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  async listOpen(): Promise<object> {
    const alerts = await this.#recent.get('', () => openAlerts(this.#database.reader));
    return { success: true, alerts: alerts.map(({ at, ...alert }) => ({ ...alert, at: at.toISOString() })) };
  }
}
