import { z } from 'zod';
import { fromHex } from '../../base/bytes.ts';
import {
  type Address,
  broadcastAddress,
  decodeAddress,
  encodeAddress,
  formatAddress,
  formatSocketAddress,
  isBroadcast,
  parseAddress,
  parseSocketAddress,
  WELL_KNOWN_ADDRESSES,
} from '../../wire/address.ts';
import { hex, orRefused, type Section, section, uint, withoutError } from './section.ts';

const text = z.object({ text: z.string() });
const refused = { accept: false };

export const addressSections: Readonly<Record<string, Section>> = {
  addr_parse: section(text, parse, withoutError),
  addr_invalid: section(text, parse, withoutError),
  addr_format: section(z.object({ bytes: hex }), ({ bytes }) => fieldsOf(decodeAddress(fromHex(bytes)))),
  // The reference ends on an input that is too short (`panic`); ours has to refuse it.
  addr_bytes_wrong_length: section(z.object({ bytes: hex }), ({ bytes }) =>
    orRefused(() => fieldsOf(decodeAddress(fromHex(bytes))), { panic: true }),
  ),
  addr_broadcast: section(z.object({ network: uint }), ({ network }) => fieldsOf(broadcastAddress(network))),
  addr_well_known: section(z.object({ name: z.enum(['registry', 'beacon', 'nameserver']) }), ({ name }) =>
    fieldsOf(WELL_KNOWN_ADDRESSES[name]),
  ),
  socket_parse: section(text, parseSocket, withoutError),
  socket_invalid: section(text, parseSocket, withoutError),
};

function parse(input: z.infer<typeof text>): unknown {
  return orRefused(() => ({ accept: true, ...fieldsOf(parseAddress(input.text)) }), refused);
}

function parseSocket(input: z.infer<typeof text>): unknown {
  return orRefused(() => {
    const socket = parseSocketAddress(input.text);
    const { bytes, network, node } = fieldsOf(socket.address);
    const canonical = formatSocketAddress(socket);
    return { accept: true, addr_bytes: bytes, canonical, network, node, port: socket.port };
  }, refused);
}

function fieldsOf(address: Address) {
  return {
    bytes: encodeAddress(address),
    text: formatAddress(address),
    canonical: formatAddress(address),
    is_broadcast: isBroadcast(address),
    is_zero: address.network === 0 && address.node === 0,
    network: address.network,
    node: address.node,
  };
}
