import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LIFTED_RATES } from '../../../../node-core/tunnel/tunnel-config.ts';
import { encodePacket, PROTOCOL } from '../../../../node-core/wire/packet.ts';
import { encodeTunnelFrame } from '../../../../node-core/wire/tunnel-frame.ts';
import { datagram } from '../../../support/sim-tunnels.ts';
import { BEACON, control, OWN, PEER, PEER_ENDPOINT, STRANGER, TunnelBench } from '../../../support/tunnel-bench.ts';

const MAGICS = ['PILT', 'PILS', 'PILK', 'PILA', 'PILP'].map((magic) => new TextEncoder().encode(magic));

/** The session still works, and nothing it did shows. */
function expectUnharmed(bench: TunnelBench): void {
  bench.nowMs += 2_000;
  bench.receive(bench.say('still here'));
  expect(bench.texts.at(-1)).toBe('still here');
  expect(bench.table.measure(PEER)).toMatchObject({ epoch: 1, state: 'established', path: 'direct' });
  expect(bench.table.peers()).toEqual([PEER]);
}

test('random bytes from anyone, also behind a magic and from the beacon, do no harm', () => {
  const from = fc.constantFrom(PEER_ENDPOINT, STRANGER, BEACON);
  const magic = fc.constantFrom(new Uint8Array(0), ...MAGICS, Uint8Array.of(4), Uint8Array.of(6));
  const bytes = fc.uint8Array({ maxLength: 200 });
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('hello'));
  fc.assert(
    fc.property(magic, bytes, from, (head, tail, sender) => {
      bench.receive(Uint8Array.of(...head, ...tail), sender);
      bench.sent();
      bench.nowMs += 1;
    }),
    { numRuns: 2_000 },
  );
  expectUnharmed(bench);
});

test('frames that were changed after they were sealed do no harm', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('hello'));
  const frames = [() => bench.say('x'), () => bench.keyExchange(), () => bench.keyRequest()];
  const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 1, max: 255 }), cut: fc.nat({ max: 300 }) });
  fc.assert(
    fc.property(fc.constantFrom(...frames), change, fc.boolean(), (make, { at, to, cut }, short) => {
      const bytes = encodeTunnelFrame(make());
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ to;
      bench.receive(short ? bytes.subarray(0, cut % bytes.length) : bytes, STRANGER);
      bench.sent();
      bench.nowMs += 1;
    }),
    { numRuns: 2_000 },
  );
  expectUnharmed(bench);
});

test('nonsense that the peer itself sealed does no harm', () => {
  const bench = new TunnelBench();
  bench.establish();
  bench.receive(bench.say('hello'));
  const port = fc.constantFrom(0, 1, 7, 40_000);
  const packet = fc.record({
    flags: fc.nat({ max: 15 }),
    protocol: fc.nat({ max: 5 }),
    sourcePort: port,
    destinationPort: port,
    payload: fc.uint8Array({ maxLength: 50 }),
    source: fc.record({ network: fc.nat({ max: 3 }), node: fc.constantFrom(0, PEER, OWN, 0xffff_ffff) }),
  });
  const garble = fc.option(fc.record({ at: fc.nat({ max: 33 }), to: fc.integer({ min: 1, max: 255 }) }));
  fc.assert(
    fc.property(packet, garble, (fields, change) => {
      const bytes = encodePacket(control(fields));
      if (change !== null) bytes[change.at] = (bytes[change.at] ?? 0) ^ change.to;
      bench.receiveSealed(bytes);
      const answers = bench.sent().flatMap(({ frame }) => bench.open(frame) ?? []);
      // Pings are answered one to one, never with something that asks for an answer.
      expect(answers.filter(({ protocol, flags }) => protocol === PROTOCOL.control && flags !== 0).length).toBeLessThan(
        2,
      );
      bench.nowMs += 1;
    }),
    { numRuns: 2_000 },
  );
  expectUnharmed(bench);
  bench.table.send(PEER, datagram(OWN, PEER, 'x'), bench.now);
  expect(bench.sent().at(-1)?.to).toEqual(PEER_ENDPOINT);
});

test('strangers in any number leave tables bounded', () => {
  const bench = new TunnelBench({
    limits: { ...LIFTED_RATES, maxTunnels: 50 },
  });
  bench.isRegistered = () => true;
  bench.establish();
  bench.receive(bench.say('hello'));
  for (let node = 1_000; node < 3_000; node++) {
    bench.receive({ kind: 'key-request', senderNodeId: node, x25519PublicKey: bench.random(32) }, STRANGER);
    bench.sent();
    bench.nowMs += 1;
  }
  expect(bench.table.peers().length).toBeLessThanOrEqual(50);
  expect(bench.table.peers()).toContain(PEER);
  bench.receive(bench.say('still here'));
  expect(bench.texts).toEqual(['hello', 'still here']);
});

test.each(['direct', 'relay'] as const)(
  'a key that somebody signed for and nobody proves costs few frames by %s, and is forgotten after a minute',
  (via) => {
    const bench = new TunnelBench();
    if (via === 'direct') bench.receive(bench.keyExchange());
    else bench.receiveRelayed(bench.keyExchange());
    let sent = 0;
    for (let second = 0; second < 65; second++) {
      bench.advance(1_000);
      sent += bench.sent().filter(({ frame }) => frame !== undefined).length; // the beacon is asked meanwhile
    }
    expect(sent).toBeLessThanOrEqual(20);
    expect(bench.types('endpoint-needed').length).toBeLessThanOrEqual(2);
    expect(bench.table.peers()).toEqual([]);
  },
);
