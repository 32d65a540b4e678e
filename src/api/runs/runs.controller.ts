import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { FleetSyncInput } from '../../workflows/legacy-sync/messages.ts';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import { RunEvents } from './run-events.ts';
import {
  CANCEL_RUN,
  LIST_RUNS,
  PAUSE_RUN,
  READ_RUN,
  RESUME_RUN,
  RETRY_FAILED,
  RUN_EVENTS,
  RUN_THROUGHPUT,
  RUN_TIMELINE,
  RUN_VEHICLES,
  SET_MAX_WORKERS,
  START_RUN,
} from './runs.routes.ts';
import { RunsService } from './runs.service.ts';

@Controller('api/v1/legacy-sync/runs')
export class RunsController {
  readonly #runs: RunsService;
  readonly #events: RunEvents;

  constructor(@Inject(RunsService) runs: RunsService, @Inject(RunEvents) events: RunEvents) {
    this.#runs = runs;
    this.#events = events;
  }

  @Route(START_RUN)
  start(@Input() { body: { reason, ...input } }: InputOf<typeof START_RUN>, @CurrentActor() actor: Actor) {
    return this.#runs.start(input as FleetSyncInput, actor, reason);
  }

  @Route(LIST_RUNS)
  list(@Input() { query }: InputOf<typeof LIST_RUNS>) {
    return this.#runs.list(query);
  }

  @Route(READ_RUN)
  read(@Input() { params }: InputOf<typeof READ_RUN>) {
    return this.#runs.read(params.runId);
  }

  @Route(RUN_VEHICLES)
  vehicles(@Input() { params, query }: InputOf<typeof RUN_VEHICLES>) {
    return this.#runs.vehicles(params.runId, query);
  }

  @Route(RUN_THROUGHPUT)
  throughput(@Input() { params, query }: InputOf<typeof RUN_THROUGHPUT>) {
    return this.#runs.throughput(params.runId, query.points);
  }

  @Route(RUN_TIMELINE)
  timeline(@Input() { params, query }: InputOf<typeof RUN_TIMELINE>) {
    return this.#runs.timeline(params.runId, query);
  }

  @Route(RUN_EVENTS)
  events(
    @Input() { params }: InputOf<typeof RUN_EVENTS>,
    @Res() reply: FastifyReply,
    @Headers('last-event-id') lastEventId?: string,
  ) {
    return this.#events.stream(params.runId, lastEventId, reply);
  }

  @Route(PAUSE_RUN)
  pause(@Input() { params, body }: InputOf<typeof PAUSE_RUN>, @CurrentActor() actor: Actor) {
    return this.#runs.pause(params.runId, actor, body.reason);
  }

  @Route(RESUME_RUN)
  resume(@Input() { params, body }: InputOf<typeof RESUME_RUN>, @CurrentActor() actor: Actor) {
    return this.#runs.resume(params.runId, actor, body.reason);
  }

  @Route(CANCEL_RUN)
  cancel(@Input() { params, body }: InputOf<typeof CANCEL_RUN>, @CurrentActor() actor: Actor) {
    return this.#runs.cancel(params.runId, actor, body.reason);
  }

  @Route(SET_MAX_WORKERS)
  setMaxWorkers(@Input() { params, body }: InputOf<typeof SET_MAX_WORKERS>, @CurrentActor() actor: Actor) {
    const { maxWorkers, reason } = body;
    return this.#runs.setMaxWorkers({ runId: params.runId, maxWorkers }, actor, reason);
  }

  @Route(RETRY_FAILED)
  retryFailed(@Input() { params, body }: InputOf<typeof RETRY_FAILED>, @CurrentActor() actor: Actor) {
    return this.#runs.retryFailed(params.runId, actor, body.reason);
  }
}
