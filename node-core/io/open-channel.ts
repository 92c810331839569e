import { createHash, timingSafeEqual } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { PilotError } from '../base/errors.ts';
import { type Endpoint, type FramedChannel, formatEndpoint } from '../base/transport.ts';
import { MAX_MESSAGE_LENGTH } from '../wire/length-prefix.ts';
import { type ChannelLimits, TcpChannel } from './tcp-channel.ts';

const LIMITS: ChannelLimits = {
  messageBytes: MAX_MESSAGE_LENGTH,
  unsentBytes: 16_777_216,
  idleMs: 0,
  messageMs: 30_000,
};
const FINGERPRINT_BYTES = 32;

/** SHA-256 of a certificate in DER, as `openssl x509 -fingerprint -sha256` takes it. */
export function certificateFingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

/** Reads 64 hex digits, with or without colons between the bytes; undefined for anything else. */
export function parseFingerprint(text: string): string | undefined {
  const hex = text.replaceAll(':', '').toLowerCase();
  return /^[0-9a-f]*$/.test(hex) && hex.length === 2 * FINGERPRINT_BYTES ? hex : undefined;
}

/**
 * @param fingerprint - Of the one certificate that is believed; with it the channel goes over TLS.
 * @throws PilotError `registry.unavailable` when nothing listens there, does not answer in time, or is somebody else.
 */
export function openChannel(to: Endpoint, timeoutMs: number, fingerprint?: string): Promise<FramedChannel> {
  return new Promise((resolve, reject) => {
    const socket = fingerprint === undefined ? connectTcp(to.port, to.host) : connectPinned(to);
    const fail = (cause: Error) => {
      clearTimeout(timer);
      socket.destroy();
      const text = `cannot reach ${formatEndpoint(to)}: ${cause.message}`;
      reject(new PilotError('registry.unavailable', text, {}, { cause }));
    };
    const timer = setTimeout(() => fail(new Error('no answer in time')), timeoutMs);
    socket.once('error', fail);
    socket.once(fingerprint === undefined ? 'connect' : 'secureConnect', () => {
      if (fingerprint !== undefined && !isPinned(socket, fingerprint)) {
        return fail(new Error('its certificate has another fingerprint'));
      }
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(new TcpChannel(socket, LIMITS));
    });
  });
}

/** The certificate is judged by its fingerprint alone, before a byte of ours is sent. */
function connectPinned({ host, port }: Endpoint): TLSSocket {
  return connectTls({
    host,
    port,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
}

function isPinned(socket: Socket, fingerprint: string): boolean {
  const { raw } = (socket as TLSSocket).getPeerCertificate();
  if (raw === undefined) return false;
  return timingSafeEqual(Buffer.from(certificateFingerprint(raw)), Buffer.from(fingerprint));
}
