import type { RandomBytes } from '../base/clock.ts';
import { UNLIMITED_PER_SECOND } from '../base/token-bucket.ts';
import type { Tracer } from '../base/tracer.ts';
import type { Endpoint } from '../base/transport.ts';
import type { Identity } from '../crypto/identity.ts';

/** What a `TunnelTable` is made of. */
export interface TunnelTableOptions {
  readonly identity: Identity;
  readonly random: RandomBytes;
  /** Without one there is neither relaying nor punching. */
  readonly beacon?: Endpoint;
  readonly tracer?: Tracer;
  readonly limits?: Partial<TunnelLimits>;
  /** How often the beacon is asked; 25 s keeps a NAT mapping, an operator's node asks more often to see a dead beacon. */
  readonly discoverIntervalMs?: number;
}

/** Bounds of what others can make us do. PROTOCOL.md, "Tunnel", says where they come from. Rates are per second. */
export interface TunnelLimits {
  /** Key-exchange frames from one source: an IP address (on loopback IP and port), or a node behind the relay. */
  readonly keyExchangePerSource: number;
  /** Those of peers that are trusted, asked for or have a session, over all sources. */
  readonly keyExchangeKnown: number;
  /** Those of strangers that come straight. Beyond half of it they are asked to show that they hear us. */
  readonly keyExchangeDirect: number;
  /** The same of strangers behind the relay, whose senders nobody authenticates. */
  readonly keyExchangeRelayed: number;
  /** Those that brought our cookie back, straight and through the relay. */
  readonly keyExchangeReachable: number;
  readonly keyExchangeReachableRelayed: number;
  /** Requests to show that they hear us. */
  readonly challenges: number;
  /** Identities of strangers asked of the registry. */
  readonly lookupsDirect: number;
  readonly lookupsRelayed: number;
  /** PILS that nothing opens and that make us ask the registry or answer: of strangers, and of known peers. */
  readonly strangersPerSecond: number;
  readonly recoveriesPerSecond: number;
  /** Punch commands of the beacon that are obeyed. */
  readonly punchesPerSecond: number;
  readonly maxTunnels: number;
}

export const DEFAULT_LIMITS: TunnelLimits = {
  keyExchangePerSource: 5,
  keyExchangeKnown: 400,
  keyExchangeDirect: 200,
  keyExchangeRelayed: 20,
  keyExchangeReachable: 400,
  keyExchangeReachableRelayed: 100,
  challenges: 1000,
  lookupsDirect: 200,
  lookupsRelayed: 40,
  strangersPerSecond: 20,
  recoveriesPerSecond: 20,
  punchesPerSecond: 32,
  maxTunnels: 4096,
};

/** So much of the room may belong to guests: peers that came to us, and are neither asked for nor trusted. */
export const GUEST_SHARE = 0.75;
/**
 * A tunnel may be replaced by another when it was unused for so long. A stream that is open says something each 25 s. A
 * key exchange that we began is given up after 15.5 s.
 */
export const IDLE_BEFORE_EVICTION_MS = {
  proven: 60_000,
  guest: { unproven: 5_000, keyless: 0 },
  wanted: { unproven: 16_000, keyless: 16_000 },
} as const;

/** Nothing bounded per second, for tests under load; what bounds memory stays. */
export const LIFTED_RATES: Omit<TunnelLimits, 'maxTunnels'> = {
  keyExchangePerSource: UNLIMITED_PER_SECOND,
  keyExchangeKnown: UNLIMITED_PER_SECOND,
  keyExchangeDirect: UNLIMITED_PER_SECOND,
  keyExchangeRelayed: UNLIMITED_PER_SECOND,
  keyExchangeReachable: UNLIMITED_PER_SECOND,
  keyExchangeReachableRelayed: UNLIMITED_PER_SECOND,
  challenges: UNLIMITED_PER_SECOND,
  lookupsDirect: UNLIMITED_PER_SECOND,
  lookupsRelayed: UNLIMITED_PER_SECOND,
  strangersPerSecond: UNLIMITED_PER_SECOND,
  recoveriesPerSecond: UNLIMITED_PER_SECOND,
  punchesPerSecond: UNLIMITED_PER_SECOND,
};

/** Datagrams and events between two drains. */
export const MAX_TRANSMITS = { items: 16_384, weight: 64 * 1024 * 1024 } as const;
export const MAX_EVENTS = { items: 65_536 } as const;
export const DEFAULT_PING_TIMEOUT_MS = 5000;

/** Packets that wait for a key, and undecryptable frames that wait for theirs: per peer, oldest kept. */
export const QUEUE_LIMIT = { items: 64, weight: 512 * 1024 } as const;
export const QUEUED_PACKET_LIFETIME_MS = 30_000;
export const UNDECRYPTABLE_LIFETIME_MS = 500;

/** Pauses after each transmission of an unanswered key exchange: six, then the round is over after 15.5 s. */
export const KEY_EXCHANGE_PAUSES_MS: readonly number[] = [500, 1000, 2000, 4000, 4000, 4000];
/** A dial waits so long for the peer's endpoints before it tries the relay without them. */
export const ENDPOINT_WAIT_MS = 1000;
/** Endpoints that were resolved so recently are not asked for again. */
export const ENDPOINT_FRESH_MS = 5000;
/** The punch request waits this long for a direct answer, so that nodes in the open do not burden the beacon. */
export const PUNCH_AFTER_MS = 100;
/** The relay copy of the first PILA waits this long for a direct answer. */
export const RELAY_COPY_AFTER_MS = 200;
/** Pause between rounds of key exchange that stayed unanswered, doubled each time up to the maximum. */
export const ROUND_PAUSE_MS = { first: 2000, max: 15_000 } as const;
/** Key-exchange frames we send to one peer in any second: stock takes 5 from an address. */
export const KEY_EXCHANGE_FRAMES_PER_SECOND = 4;

/** An unchanged PILA is answered at most so often, and only while nothing else is heard of the peer. */
export const ANSWER_PAUSE_MS = 1000;
export const UNCHANGED_ANSWER_AFTER_MS = 6000;
/** A sender that was asked to show that it hears us has so long to answer without bringing a cookie; asked once meanwhile. */
export const CHALLENGE_OPEN_MS = 1000;
/** A cookie is good for at least so long, and at most twice. */
export const COOKIE_LIFETIME_MS = 30_000;

/** A frame we cannot open asks for the peer's keys at most so often. */
export const RECOVERY_PAUSE_MS = 3000;
/** While frames were opened within this time, those that cannot be are noise. */
export const RECOVERY_QUIET_MS = 1000;

/** How long frames under a replaced key are still opened. */
export const PREVIOUS_SESSION_MS = 10_000;
export const MAX_CANDIDATES = 4;
/** A candidate of the peer's that did not prove itself is forgotten; it may come again. */
export const CANDIDATE_LIFETIME_MS = 30_000;
/** Keys of the peer that were replaced. When they are so many, ours is replaced and they mean nothing any more. */
export const MAX_RETIRED_KEYS = 32;
export const OWN_KEY_MIN_AGE_MS = 5000;

/** A tunnel is active for so long after the last packet of the application; then keepalives only, then none. */
export const ACTIVE_MS = 120_000;
/** A stranger who has proved no key is tried for so long: its PILA may have been anybody's. */
export const STRANGER_ACTIVE_MS = 5000;
export const KEEPALIVE_UNTIL_IDLE_MS = 300_000;
export const CLOSE_IDLE_MS = 600_000;
/** A tunnel that never came about is forgotten sooner. */
export const CLOSE_KEYLESS_MS = 60_000;
export const KEEPALIVE_MS = 20_000;

export const PATH_PING_MS = 5000;
/** A path that leaves something unanswered is pinged this often, until it answers or is given up. */
export const SUSPECT_PING_MS = 1000;
/** A path ping that took longer counts as lost. */
export const PATH_PING_TIMEOUT_MS = 2000;
export const LOSS_WINDOW = 20;
/** Direct gives way to the relay after so many sends and so much time without a direct frame. */
export const DIRECT_SILENCE = { sends: 3, pings: 3, ms: 4000 } as const;
/** Silence on every path that is reported, and what it takes to know that somebody was asked. */
export const PEER_SILENCE = { pings: 3, ms: 8000 } as const;
/** Attempts to leave the relay: the first pauses between them, then each `RELAY_UPGRADE_MS`. */
export const FIRST_UPGRADES_MS: readonly number[] = [0, 2000, 3000, 10_000];
export const RELAY_UPGRADE_MS = 15_000;
/** A probe of an endpoint is sent again after these pauses, since the other side's NAT may open between. */
export const PROBE_PAUSES_MS: readonly number[] = [200, 400];
/** A candidate key is probed again after these pauses, the last of them repeated. */
export const CANDIDATE_PAUSES_MS: readonly number[] = [200, 800, 2000, 5000];
/** How long an answer to a probe is waited for. */
export const PROBE_TIMEOUT_MS = 5000;
/** A new source address of a peer is probed at most so often. */
export const SOURCE_PROBE_PAUSE_MS = 1000;
export const PUNCH_VALID_MS = 20_000;

export const DISCOVER_MS = 25_000;
export const DISCOVER_TIMEOUT_MS = 1000;
export const DISCOVER_AWAY_MS = 2000;
