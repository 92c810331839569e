import type { Instant } from '../base/clock.ts';
import type { PilotError } from '../base/errors.ts';
import type { SpanContext } from '../base/tracer.ts';
import type { RegistryCall, ReplyOf, RequestOf } from '../wire/registry-request.ts';

/**
 * Takes the reply to a call, or why there is none: `registry.refused` in the registry's words, `registry.unavailable`,
 * `frame.invalid` for a reply that is none, `queue.full`.
 */
export type Answer<T extends RegistryCall> = (result: ReplyOf<T> | PilotError, now: Instant) => void;

/** Asks a registry. */
export type RegistryCaller = <T extends RegistryCall>(
  type: T,
  request: RequestOf<T>,
  answer: Answer<T>,
  now: Instant,
) => void;

/** The span a call belongs to; `untraced` for what a node asks again and again by itself, which would drown the rest. */
export type TracedCall = { readonly parent?: SpanContext | undefined } | 'untraced';
