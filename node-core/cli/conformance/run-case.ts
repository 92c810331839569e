import { isDeepStrictEqual } from 'node:util';
import { addressSections } from './address-sections.ts';
import { congestionSections } from './congestion-section.ts';
import { dataExchangeSections } from './data-exchange-sections.ts';
import { deviations } from './deviations.ts';
import { exchangeSections } from './exchange-section.ts';
import { frameHandlingSections } from './frame-handling-section.ts';
import { packetSections } from './packet-sections.ts';
import { isRetiredRequest, registrySections } from './registry-sections.ts';
import { difference, plainValue, type Section } from './section.ts';
import { streamCodecSections } from './stream-codec-sections.ts';
import { streamSections } from './stream-sections.ts';
import { timelineSections } from './timeline-sections.ts';
import { hasRetiredTrailer } from './tunnel-deviations.ts';
import { tunnelSections } from './tunnel-sections.ts';
import { expectedOf, type Fields, type VectorCase } from './vector-file.ts';

/** How one case ended. */
export type Verdict =
  | { readonly kind: 'passed' | 'notBuilt' | 'retired' | 'otherVersion' }
  | { readonly kind: 'deviates'; readonly rules: readonly string[] }
  | { readonly kind: 'failed'; readonly reason: string };

/** Sections by file, since two files have a section `constants`. */
const SECTIONS: Readonly<Record<string, Readonly<Record<string, Section>>>> = {
  address: addressSections,
  packet: packetSections,
  tunnel: { ...tunnelSections, ...frameHandlingSections },
  'tunnel-1.18': tunnelSections,
  stream: {
    ...streamCodecSections,
    ...streamSections,
    ...congestionSections,
    ...timelineSections,
    ...exchangeSections,
  },
  services: { ...dataExchangeSections, ...registrySections },
};

/** Services and protocols this node does not have yet. */
const NOT_BUILT = new Set([
  'event_stream_encode',
  'event_stream_decode',
  'nameserver_request_format',
  'nameserver_request_parse',
  'nameserver_response',
  'nameserver_dialogue',
  'handshake_messages',
  'handshake_verify',
  'relayed_handshake_signatures',
  'secure_channel',
  'secure_auth_verify',
  'request_signature_envelope',
  'request_signature_parse',
  'ipc_sign_challenge',
  'registry_binary_wire',
]);

/** What the network has given up: tasks, their scores, and the bytes older nodes appended to a PILA. */
const RETIRED = new Set(['task_submit_encode', 'task_submit_decode', 'task_polo_reward', 'pila_trailer_parse']);

export async function runCase(file: string, name: string, vector: VectorCase): Promise<Verdict> {
  const out = expectedOf(name, vector);
  if (out === undefined) return { kind: 'otherVersion' };
  if (NOT_BUILT.has(name)) return { kind: 'notBuilt' };
  if (RETIRED.has(name) || isRetiredCase(name, vector)) return { kind: 'retired' };
  const section = SECTIONS[file]?.[name];
  if (section === undefined) return { kind: 'failed', reason: 'nothing here runs this section' };
  try {
    return judge(name, vector, out, section.comparable(out), plainValue(await section.run(vector.in, out)));
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Compares with what the deviations that apply make of the reference's result, or with that result as it stands. */
function judge(name: string, vector: VectorCase, out: Fields, reference: unknown, actual: unknown): Verdict {
  const rules: string[] = [];
  let owed = reference;
  for (const deviation of deviations.filter((each) => each.section === name)) {
    const changed = deviation.expect(vector.in, owed, out);
    if (isDeepStrictEqual(changed, owed)) continue;
    owed = changed;
    rules.push(deviation.rule);
  }
  const reason = difference(actual, owed);
  if (reason !== undefined) return { kind: 'failed', reason };
  return rules.length === 0 ? { kind: 'passed' } : { kind: 'deviates', rules };
}

function isRetiredCase(name: string, vector: VectorCase): boolean {
  if (name.startsWith('registry_')) return isRetiredRequest(vector.in);
  if (name === 'frame_handling') return hasRetiredTrailer(vector.in);
  return name === 'pila_frames' && (vector.in.caps !== 0 || vector.in.kex_flags !== 0);
}
