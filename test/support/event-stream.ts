interface StreamEvent {
  event: string;
  id: string | null;
  data: Record<string, unknown>;
}

export interface EventStream {
  url: string;
  events: StreamEvent[];
  /** The stream's comment lines, such as pings. */
  comments: string[];
  /** Resolves when the server has ended the stream. */
  ended: Promise<void>;
}

/** Reads server-sent events until the server ends them. */
export async function openEvents(url: string, key: string, lastEventId?: string): Promise<EventStream> {
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${key}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
  });
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
  const stream: EventStream = { url, events: [], comments: [], ended: Promise.resolve() };
  stream.ended = read(response.body, stream);
  return stream;
}

async function read(body: ReadableStream<Uint8Array>, stream: EventStream): Promise<void> {
  let text = '';
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + piece).split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) take(block, stream);
  }
}

function take(block: string, stream: EventStream): void {
  const field = (name: string): string | null => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? null;
  const [event, data] = [field('event'), field('data')];
  if (event !== null && data !== null) stream.events.push({ event, id: field('id'), data: JSON.parse(data) });
  else if (block.startsWith(':')) stream.comments.push(block);
}
