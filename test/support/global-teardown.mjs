export default async function tearDown() {
  await globalThis.fleetgraphTestStack?.destroy();
}
