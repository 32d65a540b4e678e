import { traccarSchema } from '../traccar.ts';

export const schema = traccarSchema({
  system: 'traccar',
  table: 'tc_positions',
  protocol: 'teltonika',
  receivedAfter: 3,
  attributes: '{"sat":9,"ignition":true}',
  more: [0],
});
