import { Controller, Headers, Inject } from '@nestjs/common';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import { DatasetsService } from './datasets.service.ts';
import { GraphReadingService } from './graph-reading.service.ts';
import { GraphVersionsService } from './graph-versions.service.ts';
import {
  ACTIVATE_GRAPH,
  ACTIVE_GRAPH,
  APPROVE_DATASET,
  FIND_PATH,
  LIST_DATASETS,
  LIST_GRAPHS,
  READ_GRAPH,
  READ_NEIGHBORS,
  READ_NETWORK,
  READ_NODE,
  REJECT_DATASET,
  ROLLBACK_GRAPH,
} from './graph.routes.ts';

@Controller('api/v1/graph')
export class GraphController {
  readonly #versions: GraphVersionsService;
  readonly #datasets: DatasetsService;
  readonly #reading: GraphReadingService;

  constructor(
    @Inject(GraphVersionsService) versions: GraphVersionsService,
    @Inject(DatasetsService) datasets: DatasetsService,
    @Inject(GraphReadingService) reading: GraphReadingService,
  ) {
    this.#versions = versions;
    this.#datasets = datasets;
    this.#reading = reading;
  }

  @Route(ACTIVE_GRAPH)
  active() {
    return this.#versions.active();
  }

  @Route(LIST_GRAPHS)
  versions(@Input() { query }: InputOf<typeof LIST_GRAPHS>) {
    return this.#versions.list(query);
  }

  @Route(READ_GRAPH)
  version(@Input() { params }: InputOf<typeof READ_GRAPH>) {
    return this.#versions.read(params.version);
  }

  @Route(ACTIVATE_GRAPH)
  activate(@Input() { params, body }: InputOf<typeof ACTIVATE_GRAPH>, @CurrentActor() actor: Actor) {
    return this.#versions.activate({ ...body, version: params.version }, actor);
  }

  @Route(ROLLBACK_GRAPH)
  rollback(@Input() { body }: InputOf<typeof ROLLBACK_GRAPH>, @CurrentActor() actor: Actor) {
    return this.#versions.rollback(body, actor);
  }

  @Route(LIST_DATASETS)
  datasets(@Input() { query }: InputOf<typeof LIST_DATASETS>) {
    return this.#datasets.list(query);
  }

  @Route(APPROVE_DATASET)
  approve(@Input() { params, body }: InputOf<typeof APPROVE_DATASET>, @CurrentActor() actor: Actor) {
    return this.#datasets.approve(params.version, actor, body.reason);
  }

  @Route(REJECT_DATASET)
  reject(@Input() { params, body }: InputOf<typeof REJECT_DATASET>, @CurrentActor() actor: Actor) {
    return this.#datasets.reject(params.version, actor, body.reason);
  }

  @Route(READ_NODE)
  node(@Input() { params }: InputOf<typeof READ_NODE>, @Headers('if-none-match') known?: string) {
    return this.#reading.node(params.stopId, known);
  }

  @Route(READ_NEIGHBORS)
  neighbors(@Input() { params }: InputOf<typeof READ_NEIGHBORS>, @Headers('if-none-match') known?: string) {
    return this.#reading.neighbors(params.stopId, known);
  }

  @Route(FIND_PATH)
  path(@Input() { query }: InputOf<typeof FIND_PATH>, @Headers('if-none-match') known?: string) {
    return this.#reading.path(query.from, query.to, known);
  }

  @Route(READ_NETWORK)
  network(@Headers('if-none-match') known?: string) {
    return this.#reading.network(known);
  }
}
