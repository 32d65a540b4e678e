import { Controller, Headers, Inject } from '@nestjs/common';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import { ExecutionsService } from './executions.service.ts';
import {
  CANCEL_PIPELINE,
  CANCEL_WORKER,
  EXECUTE_PIPELINE,
  EXECUTE_WORKER,
  EXECUTION,
  LIST_EXECUTIONS,
  LIST_WORKERS,
  PIPELINE_SCHEDULE,
  PIPELINE_STATUS,
  WORKER_STATUS,
} from './workers.routes.ts';
import { WorkersService } from './workers.service.ts';

@Controller('api/v1/workers')
export class WorkersController {
  readonly #workers: WorkersService;
  readonly #executions: ExecutionsService;

  constructor(
    @Inject(WorkersService) workers: WorkersService,
    @Inject(ExecutionsService) executions: ExecutionsService,
  ) {
    this.#workers = workers;
    this.#executions = executions;
  }

  @Route(LIST_WORKERS)
  list() {
    return this.#workers.list();
  }

  @Route(PIPELINE_STATUS)
  pipelineStatus() {
    return this.#workers.pipelineStatus();
  }

  @Route(PIPELINE_SCHEDULE)
  schedule() {
    return this.#workers.schedule();
  }

  @Route(LIST_EXECUTIONS)
  runs(@Input() { query }: InputOf<typeof LIST_EXECUTIONS>) {
    return this.#workers.latestRuns(query.limit);
  }

  @Route(EXECUTION)
  run(@Input() { params }: InputOf<typeof EXECUTION>) {
    return this.#workers.run(params.runId);
  }

  @Route(WORKER_STATUS)
  status(@Input() { params }: InputOf<typeof WORKER_STATUS>) {
    return this.#workers.status(params.workerId);
  }

  @Route(EXECUTE_PIPELINE)
  executePipeline(
    @Input() { body }: InputOf<typeof EXECUTE_PIPELINE>,
    @CurrentActor() actor: Actor,
    @Headers('prefer') prefer?: string,
  ) {
    return this.#executions.pipeline({ ...body, actor, prefer });
  }

  @Route(EXECUTE_WORKER)
  executeWorker(
    @Input() { params, body }: InputOf<typeof EXECUTE_WORKER>,
    @CurrentActor() actor: Actor,
    @Headers('prefer') prefer?: string,
  ) {
    return this.#executions.worker(params.workerId, { ...body, actor, prefer });
  }

  @Route(CANCEL_PIPELINE)
  cancelPipeline(@Input() { body }: InputOf<typeof CANCEL_PIPELINE>, @CurrentActor() actor: Actor) {
    return this.#executions.cancelPipeline({ ...body, actor });
  }

  @Route(CANCEL_WORKER)
  cancelWorker(@Input() { params, body }: InputOf<typeof CANCEL_WORKER>, @CurrentActor() actor: Actor) {
    return this.#executions.cancelWorker(params.workerId, { ...body, actor });
  }
}
