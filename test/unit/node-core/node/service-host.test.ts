import { expect, test } from 'vitest';
import type { Service } from '../../../../node-core/node/service.ts';
import { SimWorld } from '../../../support/sim-world.ts';

function failing(port: number, at: 'accept' | 'read'): Service {
  const fail = () => {
    throw new TypeError('no such field');
  };
  const quiet = () => {};
  const handler = { handleReadable: fail, handleWritable: quiet, handleClosed: quiet };
  return { port, accept: at === 'accept' ? fail : () => handler };
}

test.each(['accept', 'read'] as const)(
  'a service that throws when it should %s costs its stream, and the node goes on',
  (at) => {
    const world = new SimWorld({ seed: 4 });
    const alice = world.addNode();
    const bob = world.addNode();
    bob.core.serve(failing(2_000, at));
    const stream = alice.dial(bob, 2_000);
    alice.send(stream, Uint8Array.of(1));
    world.network.runUntil(() => alice.closeReason(stream) !== undefined, 20_000);
    expect(alice.closeReason(stream)).toMatch(/reset|refused/);
    expect(bob.core.serviceFaults.get('service-failed')).toBeGreaterThan(0);
    const echo = alice.dial(bob);
    alice.send(echo, Uint8Array.of(7));
    world.network.runUntil(() => alice.echoed(echo).length === 1, 20_000);
    expect([...alice.echoed(echo)]).toEqual([7]);
  },
);
