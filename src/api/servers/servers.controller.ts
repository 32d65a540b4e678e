import { Controller, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import {
  CHANGE_SERVER,
  CLOSE_CIRCUIT,
  CREATE_SERVER,
  LIST_SERVERS,
  READ_CHECKS,
  READ_LIMIT,
  READ_SERVER,
  TEST_SERVER,
} from './servers.routes.ts';
import { ServersService } from './servers.service.ts';

/** Legacy servers, and the circuits that stop syncs from using a failing one. */
@ApiTags('Fleet')
@Controller('api/v1/legacy-sync/servers')
export class ServersController {
  readonly #servers: ServersService;

  constructor(@Inject(ServersService) servers: ServersService) {
    this.#servers = servers;
  }

  @Route(LIST_SERVERS)
  servers() {
    return this.#servers.list();
  }

  @Route(READ_SERVER)
  server(@Input() { params }: InputOf<typeof READ_SERVER>) {
    return this.#servers.read(params.serverId);
  }

  @Route(READ_LIMIT)
  limit(@Input() { params }: InputOf<typeof READ_LIMIT>) {
    return this.#servers.limit(params.serverId);
  }

  @Route(READ_CHECKS)
  checks(@Input() { params }: InputOf<typeof READ_CHECKS>) {
    return this.#servers.checks(params.serverId);
  }

  @Route(CREATE_SERVER)
  createServer(@Input() { body: { reason, ...input } }: InputOf<typeof CREATE_SERVER>, @CurrentActor() actor: Actor) {
    return this.#servers.create(input, actor, reason);
  }

  @Route(CHANGE_SERVER)
  changeServer(
    @Input() { params, body: { reason, ...input } }: InputOf<typeof CHANGE_SERVER>,
    @CurrentActor() actor: Actor,
  ) {
    return this.#servers.change({ ...input, id: params.serverId }, actor, reason);
  }

  @Route(TEST_SERVER)
  testServer(@Input() { params, body }: InputOf<typeof TEST_SERVER>, @CurrentActor() actor: Actor) {
    return this.#servers.test(params.serverId, actor, body.reason);
  }

  @Route(CLOSE_CIRCUIT)
  closeCircuit(@Input() { params, body }: InputOf<typeof CLOSE_CIRCUIT>, @CurrentActor() actor: Actor) {
    return this.#servers.closeCircuit(params.serverId, actor, body.reason);
  }
}
