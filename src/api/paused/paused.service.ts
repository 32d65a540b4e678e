import { Inject, Injectable } from '@nestjs/common';
import { pausedWork } from '../../client/paused-work.ts';
import { RecentReads } from '../core/recent-reads.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';

/** Temporal answers few such queries a second, and every open dashboard asks. */
const RECENT_MS = 5_000;

@Injectable()
export class PausedService {
  readonly #temporal: TemporalGateway;
  readonly #recent = new RecentReads({ recentMs: RECENT_MS });

  constructor(@Inject(TemporalGateway) temporal: TemporalGateway) {
    this.#temporal = temporal;
  }

  async list(): Promise<object> {
    const paused = await this.#recent.get('paused', () => this.#temporal.glance((client) => pausedWork(client)));
    return { success: true, paused: paused ?? null };
  }
}
