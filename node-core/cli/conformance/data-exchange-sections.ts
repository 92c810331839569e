import { z } from 'zod';
import { fromHex } from '../../base/bytes.ts';
import { DataFrameDecoder, dataTypeName, encodeDataFrame } from '../../wire/data-exchange.ts';
import { hex, orRefused, type Section, section, uint, withoutError } from './section.ts';

export const dataExchangeSections: Readonly<Record<string, Section>> = {
  data_exchange_encode: section(
    z.object({ type: uint, filename: z.string(), payload: hex }),
    ({ type, filename, payload }) =>
      orRefused(
        () => ({
          ok: true,
          bytes: encodeDataFrame({ type, fileName: filename, payload: fromHex(payload) }),
          type_name: dataTypeName(type),
        }),
        { ok: false },
      ),
    withoutError,
  ),
  data_exchange_decode: section(
    z.object({ bytes: hex }),
    ({ bytes }) => orRefused(() => decodeFirst(fromHex(bytes)), { ok: false }),
    withoutError,
  ),
};

function decodeFirst(stream: Uint8Array): unknown {
  const decoder = new DataFrameDecoder();
  decoder.push(stream);
  const frame = decoder.next();
  if (frame === undefined) return { ok: false }; // a stream that ends inside a frame
  const { type, fileName, payload } = frame;
  return { ok: true, type, filename: fileName, payload, bytes_left: decoder.buffered };
}
