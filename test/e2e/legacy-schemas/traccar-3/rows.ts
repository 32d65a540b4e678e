import { traccarSchema } from '../traccar.ts';

export const schema = traccarSchema({
  system: 'traccar-3',
  table: 'positions',
  protocol: 'gps103',
  receivedAfter: 2,
  attributes: '{"ip":"203.0.113.7"}',
});
