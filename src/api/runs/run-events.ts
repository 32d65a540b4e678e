import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Config } from '../../config.ts';
import { settledSince } from '../../records/vehicle-syncs.ts';
import { Database } from '../core/database.ts';
import { Stopping } from '../core/stopping.ts';
import { CONFIG } from '../core/tokens.ts';
import { RunsService, withWorkflow } from './runs.service.ts';

const EVERY_MS = 1_000;
/** settled_at is the start of a transaction. A vehicle that was committed later may have a time that is earlier by up to this much. */
const OVERLAP_MS = 10_000;
const VEHICLES_AT_ONCE = 500;
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // A proxy that buffers the answer would deliver it only when the run is over.
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};

/** How far a stream has got. */
interface Position {
  since: Date;
  /** Vehicles that were sent already. The overlap is read again, and must not send them twice. */
  told: Set<string>;
  progress: string;
}

/** Sends a run as a stream, with one query a second however many clients listen. The stream ends with the run, the client or the process. */
@Injectable()
export class RunEvents {
  readonly #runs: RunsService;
  readonly #database: Database;
  readonly #stopping: Stopping;
  readonly #pingMs: number;

  constructor(
    @Inject(RunsService) runs: RunsService,
    @Inject(Database) database: Database,
    @Inject(Stopping) stopping: Stopping,
    @Inject(CONFIG) config: Config,
  ) {
    this.#runs = runs;
    this.#database = database;
    this.#stopping = stopping;
    this.#pingMs = config.api.eventPingMs;
  }

  /** Throws NotFound, but only before anything was sent. */
  async stream(runId: string, lastEventId: string | undefined, reply: FastifyReply): Promise<void> {
    await this.#runs.view(runId);
    const { raw } = reply;
    const gone = new AbortController();
    raw.once('close', () => gone.abort());
    reply.hijack();
    raw.writeHead(200, HEADERS);
    if (reply.request.method === 'HEAD') {
      raw.end();
      return;
    }
    // This is how long a client waits before it connects again.
    raw.write('retry: 2000\n\n');
    const position: Position = { since: resumeFrom(lastEventId), told: new Set(), progress: '' };
    await this.#send(runId, position, AbortSignal.any([gone.signal, this.#stopping.signal]), (text) => raw.write(text));
    raw.end();
    if (this.#stopping.signal.aborted) raw.socket?.end();
  }

  async #send(runId: string, position: Position, signal: AbortSignal, write: (text: string) => void): Promise<void> {
    let pingAt = Date.now() + this.#pingMs;
    while (!signal.aborted) {
      try {
        if (await this.#tell(runId, position, write)) return;
      } catch {
        // A server is away. The client gets a sign of life now, and the rest once the server is back.
        write(': waiting\n\n');
      }
      if (Date.now() >= pingAt) {
        write(': ping\n\n');
        pingAt = Date.now() + this.#pingMs;
      }
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Sends what is new. True when the run has ended and everything was sent. */
  async #tell(runId: string, position: Position, write: (text: string) => void): Promise<boolean> {
    const view = await this.#runs.view(runId);
    const settled = await settledSince(this.#database.reader, runId, {
      since: position.since,
      limit: VEHICLES_AT_ONCE,
    });
    for (const { settledAt, ...vehicle } of settled) {
      if (position.told.has(vehicle.vehicleId)) continue;
      position.told.add(vehicle.vehicleId);
      write(event('vehicle', withWorkflow(runId, vehicle), eventId(settledAt)));
      const since = settledAt.getTime() - OVERLAP_MS;
      if (since > position.since.getTime()) position.since = new Date(since);
    }
    // The time that is left changes while nothing happens.
    const progress = JSON.stringify({ ...view, run: { ...view.run, eta: null } });
    if (progress !== position.progress) write(event('progress', view));
    position.progress = progress;
    if (view.run.state === 'running' || settled.length === VEHICLES_AT_ONCE) return false;
    write(event('end', { runId, state: view.run.state }));
    return true;
  }
}

const eventId = (at: Date): string => String(at.getTime());

/** A reconnecting client gets what it may have missed. A new client gets what ends from now on. */
function resumeFrom(lastEventId: string | undefined): Date {
  const at = /^[0-9]{10,15}$/.test(lastEventId ?? '') ? Number(lastEventId) - OVERLAP_MS : Date.now();
  return new Date(at);
}

function event(name: string, data: object | string, id?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${text}\n\n`;
}
