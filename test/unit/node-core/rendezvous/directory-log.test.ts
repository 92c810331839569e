import { beforeEach, expect, test } from 'vitest';
import { utf8 } from '../../../../node-core/base/bytes.ts';
import type { LineLog } from '../../../../node-core/base/line-log.ts';
import { Directory } from '../../../../node-core/rendezvous/directory.ts';
import { DirectoryKeeper, wholeLog } from '../../../../node-core/rendezvous/directory-keeper.ts';
import { encodeLogLine, readLog } from '../../../../node-core/rendezvous/directory-log.ts';
import type { DirectoryChange } from '../../../../node-core/rendezvous/directory-state.ts';
import { publicKeyOf, RegistryBench, signedRequest, unsignedRegistrationOf } from '../../../support/registry-bench.ts';

const A = 1;
const B = 2;
let bench: RegistryBench;

beforeEach(() => {
  bench = new RegistryBench();
});

function contentOf(lines: readonly string[]): Uint8Array {
  return utf8(lines.map((line) => `${line}\n`).join(''));
}

/** A life of a registry: one line for each request that changed something. */
function linesOfALife(): string[] {
  const lines = wholeLog([]);
  const note = (seed: number, type: string, fields: object) => {
    const { changes } = bench.handle(signedRequest(seed, type, { ...fields }));
    if (changes.length > 0) lines.push(encodeLogLine(changes));
  };
  lines.push(encodeLogLine(bench.directory.ensureGroup('travel', bench.now)));
  const register = { listen_addr: '127.0.0.1:4000' };
  for (const seed of [A, B]) {
    note(seed, 'register', { ...register, public_key: publicKeyOf(seed) });
    note(seed, 'set_hostname', { node_id: seed, hostname: `node-${seed}` });
    note(seed, 'join_network', { node_id: seed, network_id: 1, token: '' });
  }
  note(A, 'request_handshake', { from_node_id: 1, to_node_id: 2, justification: 'ä' });
  note(B, 'respond_handshake', { node_id: 2, peer_id: 1, accept: true });
  note(B, 'poll_handshakes', { node_id: 2 });
  note(B, 'revoke_trust', { node_id: 2, peer_id: 1 });
  note(A, 'leave_network', { node_id: 1, network_id: 1 });
  note(A, 'rotate_key', { node_id: 1, new_public_key: publicKeyOf(9) });
  note(B, 'deregister', { node_id: 2 });
  return lines;
}

test('a log tells the whole life again, and what is written anew the same state', () => {
  const lines = linesOfALife();
  const read = readLog(contentOf(lines));
  expect(read).toMatchObject({ tornBytes: 0, damagedLines: 0, outdated: false });
  const again = Directory.restore(read?.changes ?? []);
  expect(again.everything()).toEqual(bench.directory.everything());
  const anew = readLog(contentOf(wholeLog(again.everything())));
  expect(Directory.restore(anew?.changes ?? []).everything()).toEqual(again.everything());
});

test('cut at any byte it holds every whole line, and says how much is torn', () => {
  const lines = linesOfALife();
  const content = contentOf(lines);
  const header = utf8(lines[0] as string).length + 1;
  for (let length = header; length <= content.length; length++) {
    const cut = content.subarray(0, length);
    const whole = cut.lastIndexOf(10) + 1;
    const complete = lines.slice(1).filter((_, index) => contentOf(lines.slice(0, index + 2)).length <= length);
    const read = readLog(cut);
    expect(read).toMatchObject({ wholeBytes: whole, tornBytes: length - whole, damagedLines: 0 });
    expect(read?.changes).toEqual(complete.flatMap((line) => JSON.parse(line)));
  }
});

test('a damaged line costs itself alone, and is counted', () => {
  const lines = linesOfALife();
  const rest = lines.filter((_, index) => index !== 3);
  for (const damaged of ['\0\0\0\0', '[{"type":"surprise"}]', '{}', '', '[{"type":"node","node":{"nodeId":0}}]']) {
    const read = readLog(contentOf([...lines.slice(0, 3), damaged, ...lines.slice(4)]));
    expect(read?.damagedLines).toBe(1);
    expect(read?.changes).toEqual(readLog(contentOf(rest))?.changes);
  }
});

test('what is no log is not read as one', () => {
  for (const content of ['', '{', '{"format":"flightdeck-directory/9"}\n', '{"format":"flightdeck-directory/1"']) {
    expect(readLog(utf8(content))).toBeUndefined();
  }
});

test('the single object of earlier versions is read once', () => {
  const node = {
    ...{ nodeId: 3, publicKey: publicKeyOf(A), owner: 'me', realAddress: '10.0.0.1:4000', lanAddresses: [] },
    ...{ version: '1', hostname: 'alpha', tags: ['x'], public: true, relayOnly: false, signed: true, present: true },
    ...{ keyCreatedAt: 1, rotations: 0, lastSeen: 1 },
  };
  const network = { networkId: 2, name: 'lab', joinRule: 'open', token: '', enterprise: false, created: 1 };
  const old = {
    format: 'flightdeck-directory/1',
    nextNodeId: 9,
    nextNetworkId: 4,
    nodes: [node],
    networks: [{ ...network, members: [{ nodeId: 3, role: 'member', tags: [] }] }],
    consents: [[3, 5]],
    mailbox: [{ to: 3, from: 5, kind: 'request', justification: 'j', accept: false, timestamp: 1 }],
  };
  const read = readLog(utf8(JSON.stringify(old)));
  expect(read).toMatchObject({ outdated: true, tornBytes: 0 });
  bench.directory = Directory.restore(read?.changes ?? []);
  expect(bench.ask(A, 'lookup', { node_id: 3 })).toMatchObject({ hostname: 'alpha', networks: [0, 2], tags: ['x'] });
  expect(bench.ask(A, 'check_trust', { node_id: 3, peer_id: 5 })).toMatchObject({ trusted: true });
  expect(bench.ask(A, 'poll_handshakes', { node_id: 3 })).toMatchObject({ requests: [{ from_node_id: 5 }] });
  expect(bench.register(B)).toMatchObject({ node_id: 9 });
});

/** A log in memory whose disk can be slow and full. */
class MemoryLog implements LineLog {
  readonly isThere = async () => true;
  lines = wholeLog([]);
  bytes = contentOf(this.lines).length;
  writes = 0;
  written = 0;
  full = false;

  async append(lines: readonly string[]): Promise<void> {
    await this.#write(lines);
    this.lines.push(...lines);
    this.bytes += contentOf(lines).length;
  }

  async replace(lines: readonly string[]): Promise<void> {
    await this.#write(lines);
    this.lines = [...lines];
    this.bytes = contentOf(lines).length;
  }

  async #write(lines: readonly string[]): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.full) throw new Error('no space left');
    this.writes += 1;
    this.written += contentOf(lines).length;
  }
}

function keeperOf(log: LineLog, failures: unknown[] = []): DirectoryKeeper {
  const everything = () => bench.directory.everything();
  return new DirectoryKeeper({ log, everything, onFailed: (error) => failures.push(error) });
}

function registered(index: number) {
  return bench.handle(unsignedRegistrationOf(index)).changes;
}

test('a thousand registrations cost what they say once, in few writes', async () => {
  bench = new RegistryBench({ acceptUnsigned: true });
  const log = new MemoryLog();
  const keeper = keeperOf(log);
  const kept = Array.from({ length: 1_000 }, (_, index) => keeper.keep(registered(index)));
  expect(await Promise.all(kept)).toEqual(Array(1_000).fill(true));
  expect(log.writes).toBeLessThan(10);
  expect(log.written).toBeLessThan(2 * contentOf(wholeLog(bench.directory.everything())).length);
  expect(Directory.restore(readLog(contentOf(log.lines))?.changes ?? []).everything()).toEqual(
    bench.directory.everything(),
  );
});

test('a log that says the same again and again is written anew, and loses nothing', async () => {
  const log = new MemoryLog();
  let state: DirectoryChange[] = [];
  const keeper = new DirectoryKeeper({ log, everything: () => state, onFailed: () => {} });
  let largest = 0;
  for (let turn = 0; turn < 20_000; turn++) {
    const text = `${turn} `.repeat(20);
    state = [
      {
        type: 'handshake',
        handshake: { to: 1, from: 2, kind: 'request', justification: text, accept: false, timestamp: turn },
      },
    ];
    void keeper.keep(state);
    if (turn % 1_000 === 999) await keeper.settle();
    largest = Math.max(largest, log.bytes);
  }
  await keeper.settle();
  expect(largest).toBeGreaterThan(1024 * 1024);
  expect(largest).toBeLessThan(2 * 1024 * 1024);
  expect(log.written).toBeGreaterThan(4 * 1024 * 1024);
  expect(readLog(contentOf(log.lines))?.changes.at(-1)).toEqual(state[0]);
});

test('what a full disk did not take is told, and goes first when there is room', async () => {
  bench = new RegistryBench({ acceptUnsigned: true });
  const log = new MemoryLog();
  const failures: unknown[] = [];
  const keeper = keeperOf(log, failures);
  expect(await keeper.keep(registered(1))).toBe(true);
  log.full = true;
  expect(await Promise.all([keeper.keep(registered(2)), keeper.keep(registered(3))])).toEqual([false, false]);
  expect(failures).toHaveLength(2);
  log.full = false;
  expect(await keeper.keep(registered(4))).toBe(true);
  expect(Directory.restore(readLog(contentOf(log.lines))?.changes ?? []).everything()).toEqual(
    bench.directory.everything(),
  );
});

test('a disk that stays full for long does not fill the memory', async () => {
  const log = new MemoryLog();
  const idsTo = (node: number): DirectoryChange[] => [{ type: 'ids', node, network: 1 }];
  const keeper = new DirectoryKeeper({ log, everything: () => idsTo(20_000), onFailed: () => {} });
  log.full = true;
  const kept = Array.from({ length: 12_000 }, (_, index) => keeper.keep(idsTo(index + 2)));
  expect(new Set(await Promise.all(kept))).toEqual(new Set([false]));
  log.full = false;
  expect(await keeper.keep(idsTo(20_000))).toBe(true);
  expect(log.lines).toEqual(wholeLog(idsTo(20_000)));
});
