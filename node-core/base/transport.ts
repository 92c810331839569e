import type { DatagramCounts } from './datagram-counts.ts';

/** A UDP or TCP endpoint as the operating system names it: a literal IP address and a port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`;
}

/** Whether a host is this machine, by its literal address or by the name that every machine has for itself. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Parses `1.2.3.4:5` or `[::1]:5`; anything else is undefined. Names are not resolved here. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

/**
 * One bound UDP socket, as `io/` implements it and simulations imitate it. The receiver owns the bytes it is given. What
 * cannot be sent, and what cannot have come from anybody, is counted, never thrown.
 */
export interface DatagramSocket {
  readonly local: Endpoint;
  readonly counts: DatagramCounts;
  onDatagram: ((bytes: Uint8Array, from: Endpoint) => void) | undefined;
  send(bytes: Uint8Array, to: Endpoint): void;
  close(): Promise<void>;
}

/** A connection that carries whole messages, one request at a time. */
export interface FramedChannel {
  onMessage: ((message: Uint8Array) => void) | undefined;
  onClosed: ((reason: string) => void) | undefined;
  send(message: Uint8Array): void;
  close(): void;
}
