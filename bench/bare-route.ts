import fastify from 'fastify';

/** A process with the least that our HTTP server can do: one route without a key, a database or Redis. */
const server = fastify();
server.get('/', () => ({ success: true }));
process.once('disconnect', () => void server.close());
const url = await server.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ url });
