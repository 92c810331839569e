import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { PilotError } from '../../base/errors.ts';
import { MOST_PARTS, malformed, tooManyParts } from './otlp-decode-parts.ts';

/** What is expected under a field number: a wire type, and the message inside. */
interface Expected {
  readonly wireType: WireType;
  readonly message: Expectations | undefined;
}
type Expectations = Map<number, Expected>;

const expectations = new Map<string, Expectations>();

/**
 * Walks a message and requires of each known field its wire type, and of each nested message that it ends where it says.
 * The decoder takes both for granted: a field of another type would be read as something that was never sent.
 *
 * @returns How many messages there are.
 * @throws PilotError `frame.invalid`, and `frame.oversize` for a request of too many messages.
 */
export function checkWireFormat(schema: DescMessage, body: Uint8Array, mostDeep: number): number {
  const reader = new BinaryReader(body);
  const open: { readonly fields: Expectations; readonly end: number }[] = [
    { fields: expectationsOf(schema), end: body.length },
  ];
  let parts = 0;
  try {
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      if (reader.pos > top.end) throw malformed('a nested message is longer than the one around it');
      if (reader.pos === top.end) {
        open.pop();
        continue;
      }
      const inner = readField(reader, top.fields);
      if (inner === undefined) continue;
      parts += 1;
      if (parts > MOST_PARTS) throw tooManyParts();
      if (open.length >= mostDeep) throw malformed(`messages are nested more than ${mostDeep} deep`);
      open.push(inner);
    }
    return parts;
  } catch (cause) {
    if (cause instanceof PilotError) throw cause;
    throw malformed('the body is not protobuf', cause);
  }
}

function readField(reader: BinaryReader, fields: Expectations) {
  const [number, wireType] = reader.tag();
  const expected = fields.get(number);
  if (expected !== undefined && expected.wireType !== wireType)
    throw malformed(`field ${number} has a wrong wire type`);
  if (expected?.message === undefined) {
    skip(reader, wireType, number);
    return undefined;
  }
  const length = reader.uint32();
  return { fields: expected.message, end: reader.pos + length };
}

/** As the library skips, but a varint ends within its ten bytes. */
function skip(reader: BinaryReader, wireType: WireType, number: number): void {
  const start = reader.pos;
  reader.skip(wireType, number);
  if (wireType === WireType.Varint && reader.pos - start > 10) throw malformed('a number is longer than 64 bits');
}

function expectationsOf(schema: DescMessage): Expectations {
  const known = expectations.get(schema.typeName);
  if (known !== undefined) return known;
  const fields: Expectations = new Map();
  expectations.set(schema.typeName, fields); // before its fields, as messages contain themselves
  for (const field of schema.fields)
    fields.set(field.number, { wireType: wireTypeOf(field), message: messageOf(field) });
  return fields;
}

function messageOf(field: DescField): Expectations | undefined {
  return field.message === undefined ? undefined : expectationsOf(field.message);
}

function wireTypeOf(field: DescField): WireType {
  switch (field.scalar) {
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
      return WireType.Bit64;
    case ScalarType.FIXED32:
      return WireType.Bit32;
    case ScalarType.BOOL:
    case ScalarType.INT32:
    case ScalarType.INT64:
    case ScalarType.UINT32:
      return WireType.Varint;
    default:
      return WireType.LengthDelimited; // text, bytes and messages; this schema has no packed lists
  }
}
