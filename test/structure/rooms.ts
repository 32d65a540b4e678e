/** The order inside a part. What lies in its folder directly and is not named here puts the rest together, and no room may import it. */
export const ROOMS: Record<string, Record<string, string[]>> = {
  'src/activities/legacy-sync': {
    // Bytes to rows: no server, no file.
    dump: [],
    // What a claimed vehicle is, as rows tell it.
    'vehicle-context.ts': [],
    // Moves bytes from a legacy host, and knows no tables.
    transfer: [],
    // Asks a legacy host: plans, exports, checks.
    'legacy-host': ['dump', 'transfer'],
    // What a server's tables are, asked of them: it proposes and finds, and changes nothing.
    inspection: ['dump', 'legacy-host'],
    // Brings a dump into PostgreSQL, wherever it came from.
    load: ['dump', 'vehicle-context.ts'],
    // One vehicle, from claim to clean-up: it joins the three.
    vehicle: ['vehicle-context.ts', 'legacy-host', 'load', 'transfer'],
    // A slice of a table that many vehicles share, as `vehicle` does with one: it goes through the same stages.
    table: ['vehicle-context.ts', 'vehicle', 'legacy-host', 'load', 'transfer'],
    // A run and its claims. It plans by asking hosts, and never works on a vehicle.
    fleet: ['legacy-host'],
    // Compares what arrived with what the hosts have, and brings days in line.
    reconciliation: ['dump', 'legacy-host', 'load', 'fleet'],
    // Reads what the others have come to, and changes settings: it works on no vehicle. What is lost is told as of a run.
    rollout: ['fleet'],
  },
  'src/activities/transport-graph': {
    // What every stage says of itself.
    'stage-log.ts': [],
    // The stages meet in PostgreSQL, and never in code.
    'odata-sync': ['stage-log.ts'],
    'virtual-entities': ['stage-log.ts'],
    'graph-builder': ['stage-log.ts'],
  },
  'src/api': {
    // What a request is: routes, who asks, the connections it is answered by.
    core: [],
    // Who may. It sees the routes' access, and nothing of what they do.
    auth: ['core'],
    // The routes, told.
    docs: ['core'],
    // What failed, told; who may see that a path exists is asked of both.
    problems: ['core', 'auth', 'docs'],
    // One room per thing that is asked for.
    alerts: ['core'],
    dashboard: ['core'],
    graph: ['core'],
    health: ['core'],
    // A server that is away is figures, too.
    metrics: ['core', 'health'],
    // What is there before a server is: it names one as the servers do.
    inspections: ['core', 'servers'],
    kpis: ['core'],
    paused: ['core'],
    pipeline: ['core'],
    quarantine: ['core'],
    // Vehicles are chosen as for a run.
    reconciliations: ['core', 'runs'],
    // It is of a server, and has as many slots as a run.
    rollouts: ['core', 'runs', 'servers'],
    runs: ['core'],
    // A schedule starts the runs that a hand starts, chosen in the same way.
    schedules: ['core', 'runs'],
    servers: ['core'],
    settings: ['core'],
    // A vehicle shows where it stands in its runs, and names its server as the servers do.
    vehicles: ['core', 'runs', 'servers'],
  },
};
