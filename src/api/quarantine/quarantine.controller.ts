import { Controller, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import {
  LIST_QUARANTINE,
  QUARANTINE_REASONS,
  READ_QUARANTINED,
  REDRIVE,
  REDRIVE_MATCHING,
} from './quarantine.routes.ts';
import { QuarantineService } from './quarantine.service.ts';

/** Rows that could not be imported. */
@ApiTags('Fleet')
@Controller('api/v1/legacy-sync/quarantine')
export class QuarantineController {
  readonly #quarantine: QuarantineService;

  constructor(@Inject(QuarantineService) quarantine: QuarantineService) {
    this.#quarantine = quarantine;
  }

  @Route(LIST_QUARANTINE)
  quarantine(@Input() { query }: InputOf<typeof LIST_QUARANTINE>) {
    return this.#quarantine.list(query);
  }

  // In front of the route with an id, which would take its name for one.
  @Route(QUARANTINE_REASONS)
  reasons() {
    return this.#quarantine.reasons();
  }

  @Route(REDRIVE_MATCHING)
  redriveMatching(
    @Input() { body: { reason, ...input } }: InputOf<typeof REDRIVE_MATCHING>,
    @CurrentActor() actor: Actor,
  ) {
    return this.#quarantine.redriveMatching(input, actor, reason);
  }

  @Route(READ_QUARANTINED)
  quarantined(@Input() { params }: InputOf<typeof READ_QUARANTINED>) {
    return this.#quarantine.read(params.id);
  }

  @Route(REDRIVE)
  redrive(@Input() { body: { reason, ...input } }: InputOf<typeof REDRIVE>, @CurrentActor() actor: Actor) {
    return this.#quarantine.redrive(input, actor, reason);
  }
}
