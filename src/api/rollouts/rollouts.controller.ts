import { Controller, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import { ADVANCE_ROLLOUT, BACK_ROLLOUT, LIST_ROLLOUTS, READ_ROLLOUT, START_ROLLOUT } from './rollouts.routes.ts';
import { RolloutsService } from './rollouts.service.ts';

/** Legacy servers that are brought into operation step by step. */
@ApiTags('Fleet')
@Controller('api/v1/legacy-sync/rollouts')
export class RolloutsController {
  readonly #rollouts: RolloutsService;

  constructor(@Inject(RolloutsService) rollouts: RolloutsService) {
    this.#rollouts = rollouts;
  }

  @Route(LIST_ROLLOUTS)
  rollouts() {
    return this.#rollouts.list();
  }

  @Route(READ_ROLLOUT)
  rollout(@Input() { params }: InputOf<typeof READ_ROLLOUT>) {
    return this.#rollouts.read(params.serverId);
  }

  @Route(START_ROLLOUT)
  start(@Input() { params, body }: InputOf<typeof START_ROLLOUT>, @CurrentActor() actor: Actor) {
    return this.#rollouts.start(params.serverId, body, actor);
  }

  @Route(ADVANCE_ROLLOUT)
  advance(@Input() { params, body }: InputOf<typeof ADVANCE_ROLLOUT>, @CurrentActor() actor: Actor) {
    return this.#rollouts.advance(params.serverId, body, actor);
  }

  @Route(BACK_ROLLOUT)
  back(@Input() { params, body }: InputOf<typeof BACK_ROLLOUT>, @CurrentActor() actor: Actor) {
    return this.#rollouts.back(params.serverId, actor, body.reason);
  }
}
