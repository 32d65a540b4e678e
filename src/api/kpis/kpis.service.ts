import { Inject, Injectable } from '@nestjs/common';
import { readConnectionPlaces } from '../../records/connection-places.ts';
import { errorsBySlot, kpisByRun, kpisOf, sumKpis } from '../../records/run-kpis.ts';
import { readSettings } from '../../records/settings.ts';
import { NEWS, countVehiclesByNews } from '../../records/vehicle-news.ts';
import { Database } from '../core/database.ts';

const SECONDS = { '24h': 86_400, '7d': 7 * 86_400, '30d': 30 * 86_400 };
const MOST_RUNS = 500;

@Injectable()
export class KpisService {
  readonly #database: Database;

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  async read(window: keyof typeof SECONDS): Promise<object> {
    const database = this.#database.reader;
    const seconds = SECONDS[window];
    const [sums, slots, byRun, connections, counted] = await Promise.all([
      sumKpis(database, seconds),
      errorsBySlot(database, seconds),
      kpisByRun(database, { seconds, most: MOST_RUNS }),
      readSettings(database).then((settings) => readConnectionPlaces(database, settings)),
      countVehiclesByNews(database),
    ]);
    const news = Object.fromEntries(
      NEWS.map((each) => [each, counted.find((row) => row.news === each)?.vehicles ?? 0]),
    );
    const runs = byRun.map(({ runId, workflowId, endedAt, sums: own }) => ({
      runId,
      workflowId,
      endedAt: endedAt.toISOString(),
      kpis: kpisOf(own),
    }));
    return {
      success: true,
      window,
      runs: sums.runs,
      kpis: kpisOf(sums),
      errorsBySlot: slots,
      connections,
      news,
      byRun: runs,
    };
  }
}
