import { Controller, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { VehicleSelection } from '../../workflows/legacy-sync/messages.ts';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import {
  LIST_RECONCILIATIONS,
  MARKED,
  READ_RECONCILIATION,
  RECONCILED_DAYS,
  RECONCILED_VEHICLES,
  REMOVE_EXTRA,
  REPAIR,
  START_RECONCILIATION,
} from './reconciliations.routes.ts';
import { ReconciliationsService } from './reconciliations.service.ts';

/** What arrived, compared with what the legacy servers have. */
@ApiTags('Fleet')
@Controller('api/v1/legacy-sync/reconciliations')
export class ReconciliationsController {
  readonly #reconciliations: ReconciliationsService;

  constructor(@Inject(ReconciliationsService) reconciliations: ReconciliationsService) {
    this.#reconciliations = reconciliations;
  }

  @Route(START_RECONCILIATION)
  start(
    @Input() { body: { reason, selection, ...input } }: InputOf<typeof START_RECONCILIATION>,
    @CurrentActor() actor: Actor,
  ) {
    return this.#reconciliations.start({ ...input, selection: selection as VehicleSelection }, actor, reason);
  }

  @Route(LIST_RECONCILIATIONS)
  list(@Input() { query }: InputOf<typeof LIST_RECONCILIATIONS>) {
    return this.#reconciliations.list(query);
  }

  // In front of the route with an id, which would take its name for one.
  @Route(MARKED)
  marked() {
    return this.#reconciliations.marked();
  }

  @Route(READ_RECONCILIATION)
  read(@Input() { params }: InputOf<typeof READ_RECONCILIATION>) {
    return this.#reconciliations.read(params.reconciliationId);
  }

  @Route(RECONCILED_VEHICLES)
  vehicles(@Input() { params, query }: InputOf<typeof RECONCILED_VEHICLES>) {
    return this.#reconciliations.vehicles(params.reconciliationId, query);
  }

  @Route(RECONCILED_DAYS)
  days(@Input() { params }: InputOf<typeof RECONCILED_DAYS>) {
    return this.#reconciliations.days(params.reconciliationId, params.vehicleId);
  }

  @Route(REPAIR)
  repair(@Input() { params, body }: InputOf<typeof REPAIR>, @CurrentActor() actor: Actor) {
    return this.#reconciliations.repair(params.reconciliationId, actor, body.reason);
  }

  @Route(REMOVE_EXTRA)
  removeExtra(@Input() { body }: InputOf<typeof REMOVE_EXTRA>, @CurrentActor() actor: Actor) {
    return this.#reconciliations.removeExtra(body.vehicleIds ?? null, actor, body.reason);
  }
}
