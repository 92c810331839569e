import { beforeEach, describe, expect, test } from 'vitest';
import { PilotError } from '../../../../node-core/base/errors.ts';
import { ATTR, SPAN } from '../../../../node-core/base/tracer.ts';
import { type RecordedSpan, RecordingTracer } from '../../../../node-core/collector/recording-tracer.ts';
import { EMPTY_RESOURCE, textAttribute } from '../../../../node-core/collector/span.ts';
import type { Agent } from '../../../../node-core/contract/graph.ts';
import { ClockProbe, type ProbingNode } from '../../../../node-core/host/clock-probe.ts';
import { OverlayDuplex } from '../../../../node-core/runtime/overlay-duplex.ts';

const time = { ms: 0 };
const clock = { now: () => ({ monotonicMs: time.ms, unixNano: BigInt(time.ms) * 1_000_000n }) };
let dialled: number[];
let closed: number;
let spans: RecordedSpan[];
let refuse: boolean;

beforeEach(() => {
  Object.assign(time, { ms: 1_000_000 });
  [dialled, closed, spans, refuse] = [[], 0, [], false];
});

/** A stream whose other end takes all and says nothing. */
function openStream(): OverlayDuplex {
  return new OverlayDuplex({
    read: () => undefined,
    write: (bytes) => bytes.length,
    close: () => {
      closed += 1;
    },
    reset: () => {},
    onReadable: undefined,
    onWritable: undefined,
    onClosed: undefined,
  });
}

const node: ProbingNode = {
  dial: async ({ nodeId, groupId }) => {
    dialled.push(nodeId);
    if (refuse) throw new PilotError('dial.refused', 'no');
    return { duplex: openStream(), peerNodeId: nodeId, groupId, span: undefined };
  },
};

function probe(): ClockProbe {
  const random = (length: number) => new Uint8Array(length).fill(7);
  return new ClockProbe(
    node,
    new RecordingTracer({ random, resource: EMPTY_RESOURCE, sink: (s) => spans.push(s) }),
    clock,
  );
}

function agent(nodeId: number, changes: Partial<Agent> = {}): Agent {
  return {
    nodeId,
    address: '',
    hostname: `agent-${nodeId}`,
    self: false,
    groupIds: [],
    tags: [],
    health: { state: 'ok', reason: '', since: 0 },
    live: true,
    reports: true,
    authenticated: true,
    ...changes,
  };
}

const known = (boundMs: number) => ({ clock: { offsetMs: 0, boundMs, at: 0 } });
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('clocks are probed', () => {
  test('of agents that answer and export, four unknown ones a round', async () => {
    const probing = probe();
    const agents = [
      agent(1, { self: true }),
      agent(2, { live: false }),
      agent(3, { reports: false }),
      ...[4, 5, 6, 7, 8].map((nodeId) => agent(nodeId)),
    ];
    probing.consider(agents);
    probing.consider(agents);
    expect(dialled).toEqual([4, 5, 6, 7]);
    time.ms += 2_000;
    probing.consider(agents);
    expect(dialled).toEqual([4, 5, 6, 7, 8]);
    await settled();
    expect(closed).toBe(5);
  });

  test('of agents that others place, however exactly they do: they may lie', () => {
    const through = { clock: { offsetMs: 0, boundMs: 0.1, at: 0, through: [9] } };
    probe().consider([agent(4, through), agent(5, known(0.1))]);
    expect(dialled).toEqual([4]);
  });

  test('of each in turn, though the first ones never answer', () => {
    const probing = probe();
    const agents = Array.from({ length: 200 }, (_, n) => agent(n + 2));
    for (let round = 0; round < 50; round++) {
      probing.consider(agents);
      time.ms += 2_000;
    }
    expect(new Set(dialled).size).toBe(200);
  });

  test('again when the bound is wide, the widest first, one a round, each after twice as long as before', () => {
    const probing = probe();
    const agents = [agent(4, known(5)), agent(5, known(21)), agent(6, known(40))];
    const rounds = (count: number) => {
      for (let round = 0; round < count; round++) {
        probing.consider(agents);
        time.ms += 2_000;
      }
      return dialled.splice(0);
    };
    expect(rounds(5)).toEqual([6, 5, 6, 5]);
    expect(rounds(10)).toEqual([6, 5]);
    expect(rounds(300).length).toBeLessThanOrEqual(2 * 12);
  });

  test('in a trace that says what it is for, also when it fails', async () => {
    const probing = probe();
    probing.consider([agent(4)]);
    refuse = true;
    time.ms += 2_000;
    probing.consider([agent(5)]);
    await settled();
    expect(spans.map((span) => [span.name, textAttribute(span.attributes, ATTR.title), span.status.code])).toEqual([
      [SPAN.clockProbe, 'Clock of agent-4', 1],
      [SPAN.clockProbe, 'Clock of agent-5', 2],
    ]);
    expect(textAttribute(spans[1]?.attributes ?? [], ATTR.errorType)).toBe('dial.refused');
  });
});
